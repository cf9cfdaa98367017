// The segments of a partition: appends in order, flushes, reads, rolls, cuts.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "completion.h"
#include "flush_plan.h"
#include "flush_state.h"
#include "log_publisher.h"
#include "log_types.h"
#include "mutex.h"
#include "record_batch.h"
#include "segment.h"
#include "serial_queue.h"

namespace odradek {

class IndexBuilder;

// Durability: the completion of an append means that the batches are in the page cache and readable, that of one with
// Flush::kAwaited that they are on disk too. They are when flushed_offset() has passed them. Behind an append with
// Flush::kAsked a kOver follows when they are, or when they will not be. INVARIANT: flushed_offset() <=
// log_end_offset(), and all that lies below it was fdatasynced, in every segment.
//
// Threads: all methods may be called from any thread, at any time. What changes the log (appends, rolls, cuts) goes
// through its queue in the order of arrival, on one engine thread at a time. The queue's thread takes `mutex_` to
// publish; readers and the flush take it to look. It is never held across a system call.
class Log : private SerialQueue::Worker, public std::enable_shared_from_this<Log> {
 public:
  using Segments = std::map<int64_t, std::shared_ptr<Segment>>;

  Log(double id, std::string path, std::shared_ptr<CompletionSink> sink)
      : id_(id), folder_(std::make_shared<const std::string>(std::move(path))), sink_(std::move(sink)) {}

  const std::string& path() const { return path_; }
  int64_t log_end_offset() const { return log_end_.load(std::memory_order_acquire); }
  int64_t flushed_offset() const { return flushed_.load(std::memory_order_acquire); }
  uint64_t size() const { return size_.load(std::memory_order_acquire); }
  int64_t first_segment_offset();
  std::vector<SegmentSummary> segments();
  void configure(const LogSettings& settings);

  // Recovers what is on disk. May wait. Once, before anything else.
  Status open(const LogSettings& settings, const OpenOptions& options, RecoveryReport* report);

  // For LogFollower, instead of open(): what is known of a log that another process writes. CLOSED after close().
  std::shared_ptr<Segment> make_segment(int64_t base_offset) const;
  Status show_segments(Segments segments);
  void show_batches(Segment& segment, uint64_t size, const MaxTimestamp& max);
  void show_end(int64_t end);
  bool is_closed();

  // These return at once; the completion carries `id`. After close() they answer CLOSED.
  void append(const Append& append);
  void flush(double id);
  void roll(double id);
  void delete_segments_before(double id, int64_t offset);
  // Cuts whole batches: the log ends where the batch that holds `offset` began. REQUIRES of truncate and reset: a
  // recovery point past the new end (of reset: any) is durably lowered before the call, or the next recovery would take
  // what a crash left of the cut for damage, and believe what was never synced.
  void truncate(double id, int64_t offset);
  void reset(double id, int64_t offset);
  // truncate, and then `kept` (whole batches from `offset` on) put in the place of what was
  // cut, and flushed; nothing comes in between. All that was appended before is flushed first, so that its completion
  // is true when it was made.
  void replace_end(double id, int64_t offset, std::vector<uint8_t> kept);
  // The first offset that readers in other processes may see.
  void publish_start(double id, int64_t offset);
  void replace_segments(double id, std::vector<int64_t> cleaned, std::vector<int64_t> replaced);
  void close(double id);
  void remove(double id, std::string renamed_path);

  // Without `may_wait` the answer may be that the look-up would wait on a disk.
  Status read(const ReadRequest& request, bool may_wait, ReadAnswer* answer);
  // May wait. CORRUPT_LOG where a batch in the range does not check out.
  Status read_batches(const ReadRequest& request, CheckedBatches* batches);
  // May wait. Packed headers of the batches from the one that holds `from` up to `to`.
  Status scan_headers(int64_t from, int64_t to, size_t max_batches, Bytes* headers, size_t* count, int64_t* next);
  // May wait. -1 where there is none.
  Status find_by_timestamp(int64_t timestamp, int64_t from_offset, int64_t* base_offset);
  // May wait. Makes sure that no segment seems to end below this timestamp only because its time index is damaged.
  Status check_timestamps(int64_t below);

  // Drops what is queued and waits for what runs: afterwards no engine thread touches the caller's bytes.
  void abandon();
  // The same for appends whose ids lie in [from, to) alone.
  void abandon_appends(double from, double to);

  // For the flush threads (group_commit.cc). False when there is nothing to flush now. After a true, end_flush must
  // follow: FlushState checks it.
  bool begin_flush(FlushPlan* plan);
  void end_flush(const FlushPlan& plan, const Status& status);
  // Have it flushed by a flush thread, soon. All that is appended when it begins is covered.
  void request_flush();
  void request_flush_by_timer();

 private:
  struct BatchMark;
  struct Prepared;
  struct Answer;
  struct Group;
  // What a reader knows of the segment that holds an offset.
  struct View {
    std::shared_ptr<Segment> segment;
    uint64_t size = 0;
    IndexState indexes;
    // Where the next segment begins, or the end of the log.
    int64_t end_offset = 0;
    bool sealed = false;
    bool last = false;
    // The last segment of a log that another process writes may be ahead of what is known of its end.
    bool knows_end() const { return !(sealed && last); }
  };
  // log.cc
  void append_group(std::vector<Append>& appends) override;
  void follow_up(bool idle) override;
  std::shared_ptr<void> keep_alive() override { return shared_from_this(); }
  // `id`: of the operation that completes with CLOSED where the queue takes nothing any more.
  void submit(double id, std::function<void()> run, bool last = false);
  void complete(double id, Status status, double a = 0, double b = 0, double c = 0, double d = 0);
  void fail(const Status& status, bool leave_marker);
  Status failure();
  Status close_files();

  // log_append.cc: on the queue's thread
  void append_one(const Append& append, Group* group);
  Status prepare(const Append& append, Group* group, Prepared* out);
  bool must_roll(const Group& group, const Prepared& prepared, size_t entries) const;
  void write(Group* group);
  Status write_files(const Group& group, const SegmentIndexes& added, SegmentHandle& handle);
  void publish(Group* group, const SegmentIndexes& added, const IndexBuilder& builder,
               std::shared_ptr<SegmentHandle> handle);
  void refuse(double id, Status status, Group* group);
  void refuse_queued(Group* group);
  void roll_in_group(int64_t base_offset, Group* group);
  Status roll_to(int64_t base_offset);
  Completion rolled_event(int64_t base_offset) const;
  Status finish_indexes(Segment& segment, std::shared_ptr<SegmentHandle>* handle);
  std::shared_ptr<Segment> active_segment();

  // log_read.cc
  bool view_at(int64_t offset, View* view);
  bool was_cut(const View& view);
  Status open_view(const View& view, std::shared_ptr<SegmentHandle>* handle);
  Status locate(const View& view, SegmentHandle& handle, int64_t offset, bool may_wait, bool* would_wait,
                uint64_t* position, BatchHeader* header);
  Status walk_to(const View& view, SegmentHandle& handle, int64_t offset, bool may_wait, const OffsetEntry* entry,
                 bool* fits, bool* would_wait, uint64_t* position, BatchHeader* header);
  Status read_view(const ReadRequest& request, const View& view, bool may_wait, ReadAnswer* answer);
  Status check_max_timestamp(const View& view);
  std::vector<View> views_from(int64_t offset);

  // log_change.cc: on the queue's thread
  void submit_change(double id, std::function<Status(double*)> change);
  Status delete_before(int64_t offset, double* deleted);
  Status truncate_to(int64_t offset);
  void post_cut(int64_t offset);
  Status start_anew(int64_t offset);
  Status replace(std::vector<int64_t> cleaned, const std::vector<int64_t>& replaced);
  Status swap_in(const std::vector<int64_t>& cleaned, const std::vector<int64_t>& replaced, Segments created);
  Status allow_gaps_below(int64_t end);
  Status lower_gap_limit(int64_t offset);
  Status cut_files(const std::vector<std::shared_ptr<Segment>>& segments);
  Status remove_files(const std::vector<std::shared_ptr<Segment>>& segments);
  // Keeps flushes away while segments are cut; waits for the one under way.
  void block_flushes();
  void unblock_flushes();

  // log_flush.cc
  bool plan_flush(FlushPlan* plan) REQUIRES(mutex_);
  // On the queue's thread, with flushes blocked.
  void flush_now();
  bool await_flush(Completion* completion, int64_t offset) REQUIRES(mutex_);
  void end_waits(const Status& status, const Status& of_appends);
  void relieve_pins();

  const double id_;
  // Shared with the segments.
  const std::shared_ptr<const std::string> folder_;
  const std::string& path_ = *folder_;
  const std::shared_ptr<CompletionSink> sink_;

  std::atomic<int64_t> log_end_{0};
  std::atomic<int64_t> flushed_{0};
  std::atomic<uint64_t> size_{0};

  SerialQueue queue_{*this};
  LogPublisher publisher_{log_end_, flushed_};

  // Shared while a segment's files are opened by name, exclusive while other files take those names.
  SharedMutex names_mutex_;

  Mutex mutex_;
  ConditionVariable flush_idle_;
  LogSettings settings_ GUARDED_BY(mutex_);
  Segments segments_ GUARDED_BY(mutex_);
  Status failure_ GUARDED_BY(mutex_);
  // The completions that waited for a flush have carried the failure.
  bool failure_told_ GUARDED_BY(mutex_) = false;
  bool marked_ GUARDED_BY(mutex_) = false;
  bool closed_ GUARDED_BY(mutex_) = false;
  bool folder_dirty_ GUARDED_BY(mutex_) = false;
  FlushState flushes_ GUARDED_BY(mutex_);

  // The queue's thread only: base offsets of segments that the log no longer has and whose files may still exist.
  std::vector<int64_t> unremoved_;
  // The queue's thread only: what the file of gaps says (gap_limit.h); -1 for none.
  int64_t gap_limit_ = -1;
  // The queue's thread only: appends refused since the log was opened.
  uint64_t refusals_ = 0;
};

// Wall clock.
int64_t now_ms();

}  // namespace odradek
