import java.util.LinkedHashMap;
import java.util.Map;

/** Runs one scenario against a broker: JavaClient BOOTSTRAP SCENARIO. The exit code tells whether it held. */
public final class JavaClient {
    interface Scenario {
        void run(Cluster cluster) throws Exception;
    }

    private static Map<String, Scenario> scenarios() {
        Map<String, Scenario> all = new LinkedHashMap<>();
        RecordScenarios.add(all);
        AdminScenarios.add(all);
        GroupScenarios.add(all);
        return all;
    }

    public static void main(String[] args) {
        Scenario scenario = scenarios().get(args[1]);
        if (scenario == null) {
            System.err.println("there is no scenario " + args[1]);
            System.exit(2);
        }
        try (Cluster cluster = new Cluster(args[0])) {
            scenario.run(cluster);
        } catch (Throwable failure) {
            failure.printStackTrace();
            System.exit(1);
        }
        System.exit(0);
    }
}
