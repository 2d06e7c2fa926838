package credence;

import com.google.gson.Gson;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Puts signal-protocol-java under the suite (docs/shim-protocol.md). It offers the parameter set signal-v3 and leaves
 * every check to the library.
 */
public final class Main {
    private static final String SET = "signal-v3";

    private interface Operation {
        JsonObject run(Params p) throws Exception;
    }

    private final Map<String, Operation> operations = new LinkedHashMap<>();
    private final Map<String, Party> parties = new HashMap<>();

    private Main() {
        operations.put("hello", p -> hello());
        operations.put("reset", this::reset);
        operations.put("xeddsa.sign", Pieces::sign);
        operations.put("xeddsa.verify", Pieces::verify);
        operations.put("x3dh.respond", Pieces::respond);
        operations.put("ratchet.root", Pieces::root);
        operations.put("ratchet.chain", Pieces::chain);
        operations.put("ratchet.seal", Pieces::seal);
        operations.put("ratchet.open", Pieces::open);
        operations.put("ratchet.accumulate", Pieces::accumulate);
        operations.put("party.new", this::create);
        operations.put("party.export", p -> Pieces.result("state", party(p).export()));
        operations.put("party.import", this::restore);
        operations.put("session.initiate", this::initiate);
        operations.put("session.respond", this::decrypt);
        operations.put("session.encrypt", this::encrypt);
        operations.put("session.decrypt", this::decrypt);
    }

    private JsonObject hello() {
        Map<String, Object> result = new LinkedHashMap<>();
        result.put("protocol", 1);
        result.put("name", "signal-protocol-java");
        result.put("version", String.valueOf(Main.class.getPackage().getImplementationVersion()));
        result.put("language", "Java");
        result.put("profiles", List.of("xeddsa", "x3dh", "ratchet"));
        result.put("parameter_sets", List.of(SET));
        result.put("operations", operations.keySet());
        result.put("injects", true);
        return new Gson().toJsonTree(result).getAsJsonObject();
    }

    private JsonObject reset(Params p) {
        parties.clear();
        return new JsonObject();
    }

    private JsonObject create(Params p) throws Exception {
        JsonObject bundle = new JsonObject();
        add(p, Party.create(p, bundle));
        JsonObject result = new JsonObject();
        result.add("bundle", bundle);
        return result;
    }

    private JsonObject restore(Params p) {
        add(p, Party.restore(p.needed("state")));
        return new JsonObject();
    }

    private void add(Params p, Party party) {
        if (parties.putIfAbsent(p.text("party"), party) != null) {
            throw Refusal.invalidRequest("the name is in use: " + p.text("party"));
        }
    }

    private Party party(Params p) {
        Party party = parties.get(p.text("party"));
        if (party == null) {
            throw Refusal.invalidRequest("no such party: " + p.text("party"));
        }
        return party;
    }

    private JsonObject initiate(Params p) throws Exception {
        party(p).initiate(p);
        return new JsonObject();
    }

    private JsonObject encrypt(Params p) throws Exception {
        JsonObject result = new JsonObject();
        result.add("envelope", party(p).encrypt(p));
        return result;
    }

    private JsonObject decrypt(Params p) throws Exception {
        return Pieces.result("plaintext", party(p).decrypt(p));
    }

    private JsonObject call(String name, Params p) throws Exception {
        Operation operation = operations.get(name);
        String set = p.text("set");
        String cadence = p.text("cadence");
        boolean offered = (set == null || set.equals(SET)) && (cadence == null || cadence.equals("per-turn"));
        if (operation == null || !offered) {
            throw Refusal.unsupported("not offered: " + name);
        }
        return operation.run(p);
    }

    private static final Params NONE = new Params(new JsonObject());

    private static Params request(String line) {
        try {
            return new Params(JsonParser.parseString(line).getAsJsonObject());
        } catch (JsonParseException | IllegalStateException e) {
            throw Refusal.invalidRequest(e.toString());
        }
    }

    private JsonObject answer(String line) {
        JsonObject reply = new JsonObject();
        try {
            Params request = request(line);
            reply.addProperty("id", request.number("id"));
            JsonElement params = request.json().get("params");
            reply.add("result", call(request.text("op"), params == null ? NONE : request.object("params")));
        } catch (Exception | AssertionError e) {
            if (!reply.has("id")) {
                reply.addProperty("id", 0);
            }
            reply.add("error", Refusal.of(e).reply());
        } finally {
            Injector.clear();
        }
        return reply;
    }

    public static void main(String[] args) throws IOException {
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        System.setOut(System.err); // in case that the library prints something
        Injector.install();
        Main shim = new Main();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            if (!line.isBlank()) {
                out.print(shim.answer(line) + "\n");
                out.flush();
            }
        }
    }
}
