import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.ExecutionException;

final class Check {
    interface Condition {
        boolean holds() throws Exception;
    }

    interface Action {
        void run() throws Exception;
    }

    static void equal(Object expected, Object actual, String what) {
        if (!Objects.equals(expected, actual)) {
            throw new AssertionError(what + " is " + actual + ", not " + expected);
        }
    }

    static void that(boolean condition, String what) {
        if (!condition) throw new AssertionError(what);
    }

    /** The action must fail with this error, bare or as the cause of an ExecutionException. */
    static void fails(Class<? extends Exception> expected, Action action) throws Exception {
        try {
            action.run();
        } catch (Exception failure) {
            Throwable actual = failure instanceof ExecutionException ? failure.getCause() : failure;
            if (expected.isInstance(actual)) return;
            throw failure;
        }
        throw new AssertionError("no " + expected.getSimpleName());
    }

    static void eventually(String what, Condition condition) throws Exception {
        long giveUpAt = System.nanoTime() + Duration.ofSeconds(120).toNanos();
        while (!condition.holds()) {
            if (System.nanoTime() > giveUpAt) throw new AssertionError(what + " did not happen");
            Thread.sleep(20);
        }
    }
}
