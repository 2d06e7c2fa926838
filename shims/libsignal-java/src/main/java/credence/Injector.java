package credence;

import java.security.Provider;
import java.security.SecureRandom;
import java.security.SecureRandomSpi;
import java.security.Security;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Takes the place of the platform's SecureRandom, from which the library draws: it gives the values that a request
 * injects, one a draw, and random bytes of the system where there is none.
 */
public final class Injector extends SecureRandomSpi {
    private static final byte[] FRESH = new byte[0];
    private static final Deque<byte[]> queue = new ArrayDeque<>();
    private static final SecureRandom system = new SecureRandom();

    /** Must be called before the library draws. */
    static void install() {
        system.nextInt(); // chooses the system's generator now, while it is the first
        Security.insertProviderAt(new Source(), 1);
    }

    private static final class Source extends Provider {
        Source() {
            super("Credence", "1", "values that a request injects");
            putService(new Service(this, "SecureRandom", "Injected", Injector.class.getName(), null, null));
        }
    }

    /** Adds what a later draw gives; null stands for fresh bytes. */
    static void add(byte[] value) {
        queue.add(value == null ? FRESH : value);
    }

    static void clear() {
        queue.clear();
    }

    @Override
    protected void engineNextBytes(byte[] b) {
        byte[] next = queue.poll();
        if (next != null && next.length == b.length) {
            System.arraycopy(next, 0, b, 0, b.length);
        } else {
            system.nextBytes(b);
        }
    }

    @Override
    protected void engineSetSeed(byte[] seed) {}

    @Override
    protected byte[] engineGenerateSeed(int n) {
        return system.generateSeed(n);
    }
}
