package credence;

import static credence.Params.HEX;

import com.google.gson.Gson;
import com.google.gson.JsonObject;
import com.google.gson.JsonSyntaxException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.whispersystems.libsignal.IdentityKey;
import org.whispersystems.libsignal.IdentityKeyPair;
import org.whispersystems.libsignal.InvalidKeyException;
import org.whispersystems.libsignal.InvalidKeyIdException;
import org.whispersystems.libsignal.InvalidMessageException;
import org.whispersystems.libsignal.InvalidVersionException;
import org.whispersystems.libsignal.LegacyMessageException;
import org.whispersystems.libsignal.SessionBuilder;
import org.whispersystems.libsignal.SessionCipher;
import org.whispersystems.libsignal.SignalProtocolAddress;
import org.whispersystems.libsignal.protocol.CiphertextMessage;
import org.whispersystems.libsignal.protocol.PreKeySignalMessage;
import org.whispersystems.libsignal.protocol.SignalMessage;
import org.whispersystems.libsignal.state.PreKeyBundle;
import org.whispersystems.libsignal.state.PreKeyRecord;
import org.whispersystems.libsignal.state.SessionRecord;
import org.whispersystems.libsignal.state.SignedPreKeyRecord;
import org.whispersystems.libsignal.state.impl.InMemorySignalProtocolStore;
import org.whispersystems.libsignal.util.KeyHelper;

/** A party: the library's store in memory, which knows what it holds, so that it can be exported. */
final class Party extends InMemorySignalProtocolStore {
    private static final int DEVICE = 1; // every party has one
    private static final int SESSIONS_KEPT = 41; // by the library, with a peer

    private final TreeSet<Integer> preKeys = new TreeSet<>();
    private final TreeSet<Integer> signedPreKeys = new TreeSet<>();
    private final TreeSet<String> peers = new TreeSet<>();

    private Party(IdentityKeyPair identity, int registrationId) {
        super(identity, registrationId);
    }

    @Override
    public void storePreKey(int id, PreKeyRecord record) {
        super.storePreKey(id, record);
        preKeys.add(id);
    }

    @Override
    public void removePreKey(int id) {
        super.removePreKey(id);
        preKeys.remove(id);
    }

    @Override
    public void storeSignedPreKey(int id, SignedPreKeyRecord record) {
        super.storeSignedPreKey(id, record);
        signedPreKeys.add(id);
    }

    @Override
    public void storeSession(SignalProtocolAddress address, SessionRecord record) {
        super.storeSession(address, record);
        peers.add(address.getName());
    }

    @Override
    public boolean saveIdentity(SignalProtocolAddress address, IdentityKey key) {
        peers.add(address.getName());
        return super.saveIdentity(address, key);
    }

    private static SignalProtocolAddress address(String peer) {
        return new SignalProtocolAddress(peer, DEVICE);
    }

    /** The library draws the identity key, the signed prekey, its signature and the one-time prekeys. */
    static Party create(Params p, JsonObject bundle) throws InvalidKeyException {
        List<byte[]> injected = p.list("one_time_prekey_privates");
        Injector.add(p.bytes("identity_private"));
        Injector.add(p.bytes("signed_prekey_private"));
        Injector.add(p.bytes("random"));
        injected.forEach(Injector::add);

        int id = p.number("signed_prekey_id");
        IdentityKeyPair identity = KeyHelper.generateIdentityKeyPair();
        SignedPreKeyRecord signed = KeyHelper.generateSignedPreKey(identity, id == 0 ? 1 : id);
        List<PreKeyRecord> oneTime =
                KeyHelper.generatePreKeys(1, Math.max(injected.size(), p.number("one_time_prekey_count")));

        Party party = new Party(identity, p.number("registration_id"));
        party.storeSignedPreKey(signed.getId(), signed);
        oneTime.forEach(k -> party.storePreKey(k.getId(), k));

        bundle.addProperty("identity", HEX.formatHex(identity.getPublicKey().serialize()));
        bundle.addProperty("signed_prekey", HEX.formatHex(signed.getKeyPair().getPublicKey().serialize()));
        bundle.addProperty("signed_prekey_id", signed.getId());
        bundle.addProperty("signature", HEX.formatHex(signed.getSignature()));
        bundle.addProperty("registration_id", party.getLocalRegistrationId());
        if (!oneTime.isEmpty()) {
            PreKeyRecord first = oneTime.get(0);
            bundle.addProperty("one_time_prekey", HEX.formatHex(first.getKeyPair().getPublicKey().serialize()));
            bundle.addProperty("one_time_prekey_id", first.getId());
        }
        return party;
    }

    /** An export: records in the library's own serial form, in one order. */
    private record Export(
            String identity,
            int registrationId,
            Map<Integer, String> preKeys,
            Map<Integer, String> signedPreKeys,
            Map<String, String> sessions,
            Map<String, String> trusted) {}

    byte[] export() throws InvalidKeyIdException {
        Export e = new Export(
                HEX.formatHex(getIdentityKeyPair().serialize()),
                getLocalRegistrationId(),
                new TreeMap<>(),
                new TreeMap<>(),
                new TreeMap<>(),
                new TreeMap<>());
        for (int id : preKeys) {
            e.preKeys.put(id, HEX.formatHex(loadPreKey(id).serialize()));
        }
        for (int id : signedPreKeys) {
            e.signedPreKeys.put(id, HEX.formatHex(loadSignedPreKey(id).serialize()));
        }
        for (String peer : peers) {
            if (containsSession(address(peer))) {
                e.sessions.put(peer, HEX.formatHex(loadSession(address(peer)).serialize()));
            }
            if (getIdentity(address(peer)) != null) {
                e.trusted.put(peer, HEX.formatHex(getIdentity(address(peer)).serialize()));
            }
        }
        return new Gson().toJson(e).getBytes(StandardCharsets.UTF_8);
    }

    static Party restore(byte[] state) {
        try {
            Export e = new Gson().fromJson(new String(state, StandardCharsets.UTF_8), Export.class);
            Party party = new Party(new IdentityKeyPair(HEX.parseHex(e.identity)), e.registrationId);
            for (var k : e.preKeys.entrySet()) {
                party.storePreKey(k.getKey(), new PreKeyRecord(HEX.parseHex(k.getValue())));
            }
            for (var k : e.signedPreKeys.entrySet()) {
                party.storeSignedPreKey(k.getKey(), new SignedPreKeyRecord(HEX.parseHex(k.getValue())));
            }
            for (var s : e.sessions.entrySet()) {
                party.storeSession(address(s.getKey()), new SessionRecord(HEX.parseHex(s.getValue())));
            }
            for (var t : e.trusted.entrySet()) {
                party.saveIdentity(address(t.getKey()), new IdentityKey(HEX.parseHex(t.getValue()), 0));
            }
            return party;
        } catch (JsonSyntaxException | NullPointerException | IllegalArgumentException | IOException | InvalidKeyException e) {
            throw Refusal.invalidRequest("the state is not an export");
        }
    }

    /** The library draws the ephemeral key, then the ratchet key. */
    void initiate(Params p) throws Exception {
        Params b = p.object("bundle");
        PreKeyBundle bundle = new PreKeyBundle(
                b.number("registration_id"),
                DEVICE,
                b.number("one_time_prekey_id"),
                b.key("one_time_prekey"),
                b.number("signed_prekey_id"),
                b.key("signed_prekey"),
                b.bytes("signature"),
                b.identity("identity"));
        Injector.add(p.bytes("ephemeral_private"));
        Injector.add(p.bytes("ratchet_private"));
        new SessionBuilder(this, address(p.text("peer"))).process(bundle);
    }

    JsonObject encrypt(Params p) throws Exception {
        SignalProtocolAddress peer = address(p.text("peer"));
        if (!containsSession(peer)) { // the library wants it to be there
            throw Refusal.rejected("not-ready", "no session");
        }
        Injector.add(p.bytes("ratchet_private"));
        CiphertextMessage m = new SessionCipher(this, peer).encrypt(p.needed("plaintext"));
        JsonObject envelope = new JsonObject();
        envelope.addProperty("kind", m.getType() == CiphertextMessage.PREKEY_TYPE ? "initial" : "ratchet");
        envelope.addProperty("body", HEX.formatHex(m.serialize()));
        return envelope;
    }

    /** Reads a message of either kind; the library starts a session from an initial message if it has to. */
    byte[] decrypt(Params p) throws Exception {
        Params envelope = p.object("envelope");
        byte[] body = envelope.needed("body");
        SessionCipher cipher = new SessionCipher(this, address(p.text("peer")));
        for (int i = 0; i < SESSIONS_KEPT; i++) { // each in which the library tries the message draws
            Injector.add(p.bytes("ratchet_private"));
        }
        if ("initial".equals(envelope.text("kind"))) {
            return cipher.decrypt(initial(body));
        }
        return cipher.decrypt(ratchet(body));
    }

    private static PreKeySignalMessage initial(byte[] body) {
        try {
            return new PreKeySignalMessage(body);
        } catch (InvalidMessageException | InvalidVersionException e) {
            throw Refusal.malformed(e);
        }
    }

    static SignalMessage ratchet(byte[] body) {
        try {
            return new SignalMessage(body);
        } catch (InvalidMessageException | LegacyMessageException e) {
            throw Refusal.malformed(e);
        }
    }
}
