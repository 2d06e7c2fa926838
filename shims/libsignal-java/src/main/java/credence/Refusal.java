package credence;

import com.google.gson.JsonObject;
import org.whispersystems.libsignal.DuplicateMessageException;
import org.whispersystems.libsignal.InvalidKeyException;
import org.whispersystems.libsignal.InvalidKeyIdException;
import org.whispersystems.libsignal.InvalidMessageException;
import org.whispersystems.libsignal.InvalidVersionException;
import org.whispersystems.libsignal.LegacyMessageException;
import org.whispersystems.libsignal.NoSessionException;
import org.whispersystems.libsignal.UntrustedIdentityException;

/** An error of the shim protocol. */
final class Refusal extends RuntimeException {
    final String code;
    final String errorClass;

    private Refusal(String code, String errorClass, String message) {
        super(message);
        this.code = code;
        this.errorClass = errorClass;
    }

    static Refusal unsupported(String message) {
        return new Refusal("unsupported", null, message);
    }

    static Refusal invalidRequest(String message) {
        return new Refusal("invalid-request", null, message);
    }

    static Refusal rejected(String errorClass, String message) {
        return new Refusal("rejected", errorClass, message);
    }

    static Refusal internal(Throwable e) {
        return new Refusal("internal", null, e.toString());
    }

    /**
     * What the protocol says to an exception: the checked ones of the library are its refusals, everything else is a
     * failure. An InvalidMessageException of a session stands for most of what a session refuses, and so has no class;
     * those of a decoder are decoded with {@link #malformed}.
     */
    static Refusal of(Throwable e) {
        if (e instanceof Refusal own) {
            return own;
        }
        if (e instanceof DuplicateMessageException) {
            return rejected("duplicate", e.toString());
        }
        if (e instanceof LegacyMessageException || e instanceof InvalidVersionException) {
            return rejected("malformed", e.toString());
        }
        if (e instanceof InvalidKeyIdException) {
            return rejected("unknown-prekey", e.toString());
        }
        if (e instanceof NoSessionException) {
            return rejected("not-ready", e.toString());
        }
        if (e instanceof InvalidMessageException || e instanceof UntrustedIdentityException) {
            return rejected(null, e.toString());
        }
        if (e instanceof InvalidKeyException) {
            return rejected(ofKey(e.getMessage()), e.toString());
        }
        return internal(e);
    }

    /** The class of a refused bundle, of which the library tells in words only. */
    private static String ofKey(String message) {
        if ("Invalid signature on device key!".equals(message)) {
            return "bad-signature";
        }
        return "No signed prekey!".equals(message) ? "incomplete-bundle" : null;
    }

    /** The refusal of a decoder. */
    static Refusal malformed(Exception e) {
        return rejected("malformed", e.toString());
    }

    JsonObject reply() {
        JsonObject error = new JsonObject();
        error.addProperty("code", code);
        if (errorClass != null) {
            error.addProperty("class", errorClass);
        }
        error.addProperty("message", getMessage());
        return error;
    }
}
