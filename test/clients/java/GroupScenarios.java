import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsSpec;
import org.apache.kafka.clients.admin.MemberToRemove;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.common.errors.GroupNotEmptyException;
import org.apache.kafka.common.errors.UnknownMemberIdException;

final class GroupScenarios {
    static void add(Map<String, JavaClient.Scenario> all) {
        all.put("group-range", cluster -> sharing(cluster, "org.apache.kafka.clients.consumer.RangeAssignor"));
        all.put("group-cooperative-sticky", cluster -> sharing(cluster, "org.apache.kafka.clients.consumer.CooperativeStickyAssignor"));
        all.put("group-defaults", cluster -> sharing(cluster, null));
        all.put("group-static", GroupScenarios::staticMember);
        all.put("group-stuck", GroupScenarios::stuckMember);
        all.put("group-offsets", GroupScenarios::offsets);
        all.put("group-admin", GroupScenarios::groupAdmin);
        all.put("group-many-members", GroupScenarios::manyMembers);
    }

    /** A member that polls on a thread of its own. */
    static final class Member implements AutoCloseable {
        final List<Integer> values = new CopyOnWriteArrayList<>();
        final Set<TopicPartition> partitions = ConcurrentHashMap.newKeySet();
        final AtomicInteger assignments = new AtomicInteger();
        final AtomicInteger losses = new AtomicInteger();
        private final KafkaConsumer<String, String> consumer;
        private final Thread thread;
        private volatile boolean stopped;
        private volatile boolean paused;
        private volatile RuntimeException failure;

        Member(Cluster cluster, String topic, String group, Map<String, ?> more) {
            Map<String, Object> settings = new HashMap<>();
            settings.put("group.id", group);
            settings.put("heartbeat.interval.ms", 200);
            settings.putAll(more);
            consumer = cluster.consumer(settings);
            thread = new Thread(() -> loop(topic));
            thread.start();
        }

        private void loop(String topic) {
            try {
                consumer.subscribe(List.of(topic), new ConsumerRebalanceListener() {
                    @Override
                    public void onPartitionsRevoked(Collection<TopicPartition> revoked) {
                        partitions.removeAll(revoked);
                    }

                    @Override
                    public void onPartitionsLost(Collection<TopicPartition> lost) {
                        partitions.removeAll(lost);
                        losses.incrementAndGet();
                    }

                    @Override
                    public void onPartitionsAssigned(Collection<TopicPartition> assigned) {
                        partitions.addAll(assigned);
                        assignments.incrementAndGet();
                    }
                });
                while (!stopped) {
                    consumer.poll(Duration.ofMillis(50)).forEach(record -> values.add(Integer.parseInt(record.value())));
                    while (paused && !stopped) Thread.sleep(20);
                }
            } catch (InterruptedException | RuntimeException error) {
                failure = new RuntimeException(error);
            } finally {
                consumer.close();
            }
        }

        void pause() {
            paused = true;
        }

        @Override
        public void close() throws InterruptedException {
            stopped = true;
            thread.join();
            if (failure != null) throw failure;
        }
    }

    private static List<Integer> numbers(int from, int to) {
        return IntStream.range(from, to).boxed().toList();
    }

    private static List<Integer> sorted(Member... members) {
        return List.of(members).stream().flatMap(member -> member.values.stream()).sorted().toList();
    }

    private static Map<String, Object> assignor(String name) {
        return name == null ? Map.of() : Map.of("partition.assignment.strategy", name);
    }

    /** Two members share four partitions; one leaves; a third resumes where both committed. */
    private static void sharing(Cluster cluster, String assignor) throws Exception {
        String topic = cluster.newTopic("java-group", 4);
        String group = Cluster.unique("java-group");
        Member first = new Member(cluster, topic, group, assignor(assignor));
        Check.eventually("the first having all partitions", () -> first.partitions.size() == 4);
        cluster.produce(topic, 0, 200);
        Check.eventually("the first reading 200", () -> first.values.size() == 200);

        Member second = new Member(cluster, topic, group, assignor(assignor));
        Check.eventually("both having two", () -> first.partitions.size() == 2 && second.partitions.size() == 2);
        cluster.produce(topic, 200, 200);
        Check.eventually("both reading 400", () -> sorted(first, second).size() >= 400);
        Check.equal(numbers(0, 400), sorted(first, second), "what both read");
        Check.that(!second.values.isEmpty(), "the second read some");

        first.close();
        Check.eventually("the second having all partitions", () -> second.partitions.size() == 4);
        cluster.produce(topic, 400, 100);
        Check.eventually("the second reading the rest", () -> sorted(first, second).size() >= 500);
        second.close();

        cluster.produce(topic, 500, 100);
        Member third = new Member(cluster, topic, group, assignor(assignor));
        Check.eventually("the third resuming", () -> third.values.size() >= 100);
        third.close();
        Check.equal(numbers(500, 600), sorted(third), "what the third read");
        Check.equal(0, first.losses.get() + second.losses.get() + third.losses.get(), "lost partitions");
    }

    /** A static member that comes back within its session keeps its partitions, and nobody rebalances. */
    private static void staticMember(Cluster cluster) throws Exception {
        String topic = cluster.newTopic("java-static", 2);
        String group = Cluster.unique("java-static");
        Member other = new Member(cluster, topic, group, Map.of("group.instance.id", "other"));
        Member back = new Member(cluster, topic, group, Map.of("group.instance.id", "back"));
        Check.eventually("both having one", () -> other.partitions.size() == 1 && back.partitions.size() == 1);
        Set<TopicPartition> held = Set.copyOf(back.partitions);
        int assignments = other.assignments.get();
        // Closing does not leave: static members keep their place.
        back.close();
        Member again = new Member(cluster, topic, group, Map.of("group.instance.id", "back"));
        Check.eventually("the same partition after the return", () -> again.partitions.equals(held));
        Check.equal(assignments, other.assignments.get(), "the other's assignments");
        cluster.produce(topic, 0, 50);
        Check.eventually("both reading 50", () -> sorted(other, again).size() == 50);
        again.close();
        // An operator can take a static member out.
        var options = new RemoveMembersFromConsumerGroupOptions(List.of(new MemberToRemove("back")));
        cluster.admin.removeMembersFromConsumerGroup(group, options).all().get();
        Check.eventually("the other having both", () -> other.partitions.size() == 2);
        other.close();
    }

    /** A member that stops polling leaves by itself after max.poll.interval.ms. */
    private static void stuckMember(Cluster cluster) throws Exception {
        String topic = cluster.newTopic("java-stuck", 2);
        String group = Cluster.unique("java-stuck");
        Member stuck = new Member(cluster, topic, group, Map.of("max.poll.interval.ms", 2000, "enable.auto.commit", false));
        Check.eventually("the first having both", () -> stuck.partitions.size() == 2);
        stuck.pause();
        Member healthy = new Member(cluster, topic, group, Map.of());
        Check.eventually("the healthy one having both", () -> healthy.partitions.size() == 2);
        cluster.produce(topic, 0, 20);
        Check.eventually("the healthy one reading all", () -> healthy.values.size() == 20);
        stuck.close();
        healthy.close();
    }

    private static void offsets(Cluster cluster) throws Exception {
        String topic = cluster.newTopic("java-commit", 2);
        String group = Cluster.unique("java-commit");
        TopicPartition zero = new TopicPartition(topic, 0);
        TopicPartition one = new TopicPartition(topic, 1);
        try (KafkaConsumer<String, String> consumer = cluster.consumer(Map.of("group.id", group, "enable.auto.commit", false))) {
            consumer.assign(List.of(zero, one));
            Check.equal(null, consumer.committed(Set.of(zero)).get(zero), "an offset before any commit");
            consumer.commitSync(Map.of(zero, new OffsetAndMetadata(7, "a note"), one, new OffsetAndMetadata(0)));
            OffsetAndMetadata committed = consumer.committed(Set.of(zero, one)).get(zero);
            Check.equal(7L, committed.offset(), "the committed offset");
            Check.equal("a note", committed.metadata(), "the note");
        }
        var admin = cluster.admin;
        var spec = Map.of(group, new ListConsumerGroupOffsetsSpec());
        Check.equal(2, admin.listConsumerGroupOffsets(spec).partitionsToOffsetAndMetadata(group).get().size(), "the number of offsets");
        admin.alterConsumerGroupOffsets(group, Map.of(zero, new OffsetAndMetadata(3))).all().get();
        Check.equal(3L, admin.listConsumerGroupOffsets(spec).partitionsToOffsetAndMetadata(group).get().get(zero).offset(), "an altered offset");
        admin.deleteConsumerGroupOffsets(group, Set.of(zero)).all().get();
        Check.equal(Set.of(one), admin.listConsumerGroupOffsets(spec).partitionsToOffsetAndMetadata(group).get().keySet(), "what is left");
    }

    private static void groupAdmin(Cluster cluster) throws Exception {
        String topic = cluster.newTopic("java-groups", 2);
        String group = Cluster.unique("java-groups");
        var admin = cluster.admin;
        Member member = new Member(cluster, topic, group, Map.of("client.id", "somebody"));
        Check.eventually("the member having both", () -> member.partitions.size() == 2);
        ConsumerGroupDescription described = admin.describeConsumerGroups(List.of(group)).all().get().get(group);
        Check.equal(GroupState.STABLE, described.groupState(), "the state");
        Check.equal("range", described.partitionAssignor(), "the assignor");
        var only = described.members().iterator().next();
        Check.equal("somebody", only.clientId(), "the client's id");
        Check.equal(2, only.assignment().topicPartitions().size(), "the size of the assignment");
        Check.that(only.host().startsWith("/127."), "the host is " + only.host());
        Set<String> ids = admin.listGroups().all().get().stream().map(listing -> listing.groupId()).collect(Collectors.toSet());
        Check.that(ids.contains(group), "the group is listed");
        Check.fails(GroupNotEmptyException.class, () -> admin.deleteConsumerGroups(List.of(group)).all().get());
        TopicPartition zero = new TopicPartition(topic, 0);
        Check.fails(
            UnknownMemberIdException.class,
            () -> admin.alterConsumerGroupOffsets(group, Map.of(zero, new OffsetAndMetadata(0))).all().get());
        member.close();
        Check.equal(GroupState.EMPTY, admin.describeConsumerGroups(List.of(group)).all().get().get(group).groupState(), "the state without members");
        admin.deleteConsumerGroups(List.of(group)).all().get();
        Check.fails(GroupIdNotFoundException.class, () -> admin.deleteConsumerGroups(List.of(group)).all().get());
        Check.fails(GroupIdNotFoundException.class, () -> admin.describeConsumerGroups(List.of(group)).all().get());
    }

    /** Members that come and go while records flow: nothing is lost. */
    private static void manyMembers(Cluster cluster) throws Exception {
        String topic = cluster.newTopic("java-many", 8);
        String group = Cluster.unique("java-many");
        Map<String, Object> cooperative = assignor("org.apache.kafka.clients.consumer.CooperativeStickyAssignor");
        Member[] members = new Member[4];
        for (int i = 0; i < members.length; i++) {
            members[i] = new Member(cluster, topic, group, cooperative);
            cluster.produce(topic, i * 100, 100);
        }
        Check.eventually("each having two", () -> {
            for (Member member : members) if (member.partitions.size() != 2) return false;
            return true;
        });
        members[0].close();
        members[1].close();
        Check.eventually("the last two having four each", () -> members[2].partitions.size() == 4 && members[3].partitions.size() == 4);
        cluster.produce(topic, 400, 100);
        Check.eventually("all being read", () -> sorted(members).stream().distinct().count() == 500);
        members[2].close();
        members[3].close();
    }
}
