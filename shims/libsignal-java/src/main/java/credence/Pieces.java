package credence;

import static credence.Params.HEX;

import com.google.gson.JsonObject;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.security.MessageDigest;
import org.whispersystems.libsignal.IdentityKey;
import org.whispersystems.libsignal.IdentityKeyPair;
import org.whispersystems.libsignal.SessionCipher;
import org.whispersystems.libsignal.ecc.Curve;
import org.whispersystems.libsignal.ecc.ECKeyPair;
import org.whispersystems.libsignal.ecc.ECPrivateKey;
import org.whispersystems.libsignal.ecc.ECPublicKey;
import org.whispersystems.libsignal.kdf.DerivedMessageSecrets;
import org.whispersystems.libsignal.kdf.HKDF;
import org.whispersystems.libsignal.protocol.SignalMessage;
import org.whispersystems.libsignal.ratchet.BobSignalProtocolParameters;
import org.whispersystems.libsignal.ratchet.ChainKey;
import org.whispersystems.libsignal.ratchet.MessageKeys;
import org.whispersystems.libsignal.ratchet.RatchetingSession;
import org.whispersystems.libsignal.ratchet.RootKey;
import org.whispersystems.libsignal.state.SessionState;
import org.whispersystems.libsignal.util.ByteUtil;
import org.whispersystems.libsignal.util.guava.Optional;

/** The parts of the protocol, each by the class of the library that does it. */
final class Pieces {
    private static final int KEY_SIZE = 33; // of a public key with its type
    private static final HKDF KDF = HKDF.createFor(3);

    private Pieces() {}

    static JsonObject sign(Params p) throws Exception {
        Injector.add(p.bytes("random"));
        ECPrivateKey key = Curve.decodePrivatePoint(p.needed("private_key"));
        return result("signature", Curve.calculateSignature(key, p.needed("message")));
    }

    static JsonObject verify(Params p) throws Exception {
        if (!Curve.verifySignature(p.key("public_key"), p.needed("message"), p.needed("signature"))) {
            throw Refusal.rejected("bad-signature", "the signature does not verify");
        }
        return new JsonObject();
    }

    private static ECKeyPair pair(byte[] privateKey) {
        if (privateKey == null) {
            return null;
        }
        Injector.add(privateKey); // the library makes a pair only when it draws one
        return Curve.generateKeyPair();
    }

    /** The agreement of a responder, before his first turn: root key and sending chain are its output. */
    static JsonObject respond(Params p) throws Exception {
        ECKeyPair own = pair(p.needed("identity_private"));
        ECKeyPair signed = pair(p.needed("signed_prekey_private"));
        ECKeyPair oneTime = pair(p.bytes("one_time_prekey_private"));
        IdentityKey initiator = p.identity("initiator_identity");
        SessionState state = new SessionState();
        RatchetingSession.initializeSession(
                state,
                BobSignalProtocolParameters.newBuilder()
                        .setOurIdentityKey(new IdentityKeyPair(new IdentityKey(own.getPublicKey()), own.getPrivateKey()))
                        .setOurSignedPreKey(signed)
                        .setOurRatchetKey(signed)
                        .setOurOneTimePreKey(Optional.fromNullable(oneTime))
                        .setTheirIdentityKey(initiator)
                        .setTheirBaseKey(p.key("ephemeral_key"))
                        .create());
        JsonObject result = result(
                "shared_secret", ByteUtil.combine(state.getRootKey().getKeyBytes(), state.getSenderChainKey().getKey()));
        return add(result, "associated_data", ByteUtil.combine(initiator.serialize(), own.getPublicKey().serialize()));
    }

    static JsonObject root(Params p) throws Exception {
        RootKey root = new RootKey(KDF, p.needed("root_key"));
        var next = root.createChain(p.key("ratchet_public"), pair(p.needed("ratchet_private")));
        return add(result("root_key", next.first().getKeyBytes()), "chain_key", next.second().getKey());
    }

    static JsonObject chain(Params p) throws Exception {
        ChainKey chain = new ChainKey(KDF, p.needed("chain_key"), 0);
        return add(result("chain_key", chain.getNextChainKey().getKey()), "message_key", messageKey(chain));
    }

    static JsonObject accumulate(Params p) throws Exception {
        ChainKey chain = new ChainKey(KDF, p.needed("chain_key"), 0);
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        for (int i = p.number("steps"); i > 0; i--) {
            digest.update(messageKey(chain));
            chain = chain.getNextChainKey();
        }
        return add(result("chain_key", chain.getKey()), "digest", digest.digest());
    }

    /** The message key, which the library computes in a private method and expands before it shows it. */
    private static byte[] messageKey(ChainKey chain) throws Exception {
        return (byte[]) call(BASE_MATERIAL, chain, (Object) new byte[] {1});
    }

    /** What ChainKey.getMessageKeys does with the next message key of its chain, for a message key that is given. */
    private static MessageKeys expand(byte[] messageKey) {
        DerivedMessageSecrets s = new DerivedMessageSecrets(
                KDF.deriveSecrets(messageKey, "WhisperMessageKeys".getBytes(), DerivedMessageSecrets.SIZE));
        return new MessageKeys(s.getCipherKey(), s.getMacKey(), s.getIv(), 0);
    }

    /** The two identity keys in whose place the library has no associated data. */
    private static IdentityKey[] identities(Params p) throws Exception {
        byte[] b = p.needed("associated_data");
        if (b.length != 2 * KEY_SIZE) {
            throw Refusal.rejected(null, "associated data is two identity keys");
        }
        return new IdentityKey[] {new IdentityKey(b, 0), new IdentityKey(b, KEY_SIZE)};
    }

    static JsonObject seal(Params p) throws Exception {
        IdentityKey[] identities = identities(p);
        MessageKeys keys = expand(p.needed("message_key"));
        byte[] ciphertext = (byte[]) call(ENCRYPT, CIPHER, keys, p.needed("plaintext"));
        ECPublicKey ratchetKey = p.key("ratchet_key");
        int number = p.number("number");
        int previous = p.number("previous_length");
        SignalMessage message = new SignalMessage(
                3, keys.getMacKey(), ratchetKey, number, previous, ciphertext, identities[0], identities[1]);
        return result("message", message.serialize());
    }

    /** What SessionCipher.decrypt does when it has the message keys. */
    static JsonObject open(Params p) throws Exception {
        IdentityKey[] identities = identities(p);
        MessageKeys keys = expand(p.needed("message_key"));
        SignalMessage message = Party.ratchet(p.needed("message"));
        message.verifyMac(identities[0], identities[1], keys.getMacKey());
        return result("plaintext", (byte[]) call(DECRYPT, CIPHER, keys, message.getBody()));
    }

    private static final SessionCipher CIPHER = new SessionCipher(null, null, null, null, null);
    private static final Method BASE_MATERIAL = method(ChainKey.class, "getBaseMaterial", byte[].class);
    private static final Method ENCRYPT = method(SessionCipher.class, "getCiphertext", MessageKeys.class, byte[].class);
    private static final Method DECRYPT = method(SessionCipher.class, "getPlaintext", MessageKeys.class, byte[].class);

    /** A private method of the library. */
    private static Method method(Class<?> of, String name, Class<?>... parameters) {
        try {
            Method m = of.getDeclaredMethod(name, parameters);
            m.setAccessible(true);
            return m;
        } catch (NoSuchMethodException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private static Object call(Method m, Object on, Object... arguments) throws Exception {
        try {
            return m.invoke(on, arguments);
        } catch (InvocationTargetException e) {
            throw e.getCause() instanceof Exception cause ? cause : e;
        }
    }

    static JsonObject result(String name, byte[] value) {
        return add(new JsonObject(), name, value);
    }

    private static JsonObject add(JsonObject result, String name, byte[] value) {
        result.addProperty(name, HEX.formatHex(value));
        return result;
    }
}
