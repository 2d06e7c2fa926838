package credence;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.function.Function;
import org.whispersystems.libsignal.IdentityKey;
import org.whispersystems.libsignal.InvalidKeyException;
import org.whispersystems.libsignal.ecc.Curve;
import org.whispersystems.libsignal.ecc.ECPublicKey;

/** The parameters of a request, or an object inside them. */
record Params(JsonObject json) {
    static final HexFormat HEX = HexFormat.of();

    /** The value, read in this way, or null if it is absent. */
    private <T> T read(String name, Function<JsonElement, T> as) {
        JsonElement e = json.get(name);
        try {
            return e == null ? null : as.apply(e);
        } catch (IllegalArgumentException | IllegalStateException | UnsupportedOperationException wrong) {
            throw Refusal.invalidRequest(name + ": " + wrong.getMessage());
        }
    }

    /** A text, or null if it is absent. */
    String text(String name) {
        return read(name, JsonElement::getAsString);
    }

    /** A number below 2^32, as the library holds it; 0 if it is absent. */
    int number(String name) {
        Long n = read(name, JsonElement::getAsLong);
        return n == null ? 0 : n.intValue();
    }

    /** Bytes, or null if they are absent. */
    byte[] bytes(String name) {
        return read(name, e -> HEX.parseHex(e.getAsString()));
    }

    /** Bytes that the operation needs. */
    byte[] needed(String name) {
        byte[] b = bytes(name);
        if (b == null) {
            throw Refusal.invalidRequest("no " + name);
        }
        return b;
    }

    /** A list of byte strings, empty if it is absent. */
    List<byte[]> list(String name) {
        List<byte[]> all = new ArrayList<>();
        JsonArray list = read(name, JsonElement::getAsJsonArray);
        if (list != null) {
            list.forEach(e -> all.add(HEX.parseHex(e.getAsString())));
        }
        return all;
    }

    Params object(String name) {
        JsonObject o = read(name, JsonElement::getAsJsonObject);
        if (o == null) {
            throw Refusal.invalidRequest("no " + name);
        }
        return new Params(o);
    }

    /** A public key as the library decodes it, or null if it is absent. */
    ECPublicKey key(String name) {
        byte[] b = bytes(name);
        try {
            return b == null ? null : Curve.decodePoint(b, 0);
        } catch (InvalidKeyException e) {
            throw Refusal.malformed(e);
        }
    }

    IdentityKey identity(String name) {
        ECPublicKey key = key(name);
        return key == null ? null : new IdentityKey(key);
    }
}
