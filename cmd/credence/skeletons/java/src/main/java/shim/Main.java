package shim;

import com.google.gson.Gson;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Puts an implementation under the Credence suite: one JSON object a line in, one a line out. */
public final class Main {
    private static final Gson GSON = new Gson();

    /** An operation. What it throws becomes an error of the reply: see {@link #fault}. */
    interface Operation {
        Object run(JsonObject params) throws Exception;
    }

    /**
     * What this shim answers. Begin with xeddsa.sign and xeddsa.verify, or with party.new, session.initiate, session.respond, session.encrypt
     * and session.decrypt; `credence doctor` says what is missing next. Bytes are lower-case hexadecimal in JSON: java.util.HexFormat reads and
     * writes them.
     */
    private final Map<String, Operation> operations = new LinkedHashMap<>();

    private Main() {
        operations.put("hello", this::hello);
        operations.put("reset", this::reset);
        // operations.put("xeddsa.sign", this::xeddsaSign);
    }

    private Object hello(JsonObject params) {
        return Map.of(
            "protocol", 1, "name", "my library", "version", "0", "language", "Java",
            "profiles", List.of(), // xeddsa, x3dh, ratchet, channel, ambassador, postoffice
            "parameter_sets", List.of(), // ambassador-v1, signal-v3, olm-v1, omemo-2
            "operations", List.copyOf(operations.keySet()));
    }

    /** Forgets every party. Keep parties, with their sessions, in a map by name, and empty it here. */
    private Object reset(JsonObject params) {
        return Map.of();
    }

    /**
     * The error of a reply.
     *
     * <ul>
     *   <li>rejected: the library refused the input, as the protocol under test demands; a class may say why: malformed, bad-signature,
     *       authentication, duplicate, ... (SPEC.md 1.2)
     *   <li>unsupported: an operation, a parameter set or an option that is not there
     *   <li>invalid-request: the request makes no sense: an unknown party, a missing parameter
     *   <li>internal: the library failed where it should not have
     * </ul>
     */
    private static Map<String, String> fault(Exception e) {
        String code = e instanceof UnsupportedOperationException ? "unsupported" : "internal"; // add: the exceptions with which the library refuses
        return Map.of("code", code, "message", String.valueOf(e.getMessage()));
    }

    private Map<String, Object> answer(String line) {
        JsonObject request;
        long id;
        String op;
        try {
            request = GSON.fromJson(line, JsonObject.class);
            id = request.get("id").getAsLong();
            op = request.get("op").getAsString();
        } catch (JsonParseException | NullPointerException | UnsupportedOperationException | IllegalStateException | NumberFormatException e) {
            return Map.of("id", 0, "error", Map.of("code", "invalid-request", "message", String.valueOf(e.getMessage())));
        }
        try {
            Operation operation = operations.get(op);
            if (operation == null) {
                throw new UnsupportedOperationException(op);
            }
            JsonObject params = request.getAsJsonObject("params");
            return Map.of("id", id, "result", operation.run(params == null ? new JsonObject() : params));
        } catch (Exception e) {
            return Map.of("id", id, "error", fault(e));
        }
    }

    public static void main(String[] args) throws IOException {
        Main shim = new Main();
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            if (!line.isBlank()) {
                out.print(GSON.toJson(shim.answer(line)) + "\n");
                out.flush();
            }
        }
    }
}
