// A disk in memory that forgets: what was not synced is lost, torn or reordered when the power goes, and any call
// may fail. All decisions follow from its seed. One thread at a time.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "file.h"
#include "seeded_random.h"

namespace odradek::test {

class SimulatedDisk final : public FileSystem {
 public:
  // What a broken engine would leave out; the calls do nothing and succeed.
  struct LeftOut {
    bool data_syncs = false;
    bool folder_syncs = false;
  };

  explicit SimulatedDisk(uint64_t seed);
  ~SimulatedDisk() override;

  void leave_out(LeftOut left_out) { left_out_ = left_out; }
  // Calls that change something or read from now on fail with this probability: ENOSPC, EIO, short writes.
  void fail_calls(double probability) { failing_ = probability; }
  // Everything ends in the midst of the `calls`-th call that changes something: it and all that follow fail.
  void stop_after(uint64_t calls) { calls_left_ = calls; }
  void stop() { is_stopped_ = true; }
  bool is_stopped() const { return is_stopped_; }
  // Faults that were met since the last restart.
  uint64_t faults() const { return faults_; }

  // The process was killed: what it handed to the page cache is there. Clean pages may have been dropped from it.
  void restart_process();
  // The power was cut: of what was not synced, any part that a real file system may leave is there.
  void restart_machine();

  // Called in the midst of each sync of a file: others may use the disk.
  void set_during_sync(std::function<void()> during_sync) { during_sync_ = std::move(during_sync); }

  // Paths of all files that are in `folder`, by name.
  std::vector<std::string> files(const std::string& folder);
  std::vector<uint8_t> bytes(const std::string& path);
  // Damages the file in the page cache and on the disk; who has it open sees it too.
  void flip_bit(const std::string& path, uint64_t bit);

  Status open(const std::string& path, OpenMode mode, std::shared_ptr<File>* file) override;
  Status info(const std::string& path, FileInfo* info) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status unlink(const std::string& path) override;
  Status make_folder(const std::string& path) override;
  Status remove_folder(const std::string& path) override;
  Status list(const std::string& path, std::vector<FolderEntry>* entries) override;
  Status sync_folder(const std::string& path) override;

 private:
  struct Node;
  struct Change;
  struct NameChange;
  class OpenFile;
  using NodePointer = std::shared_ptr<Node>;
  enum class Call { kRead, kName, kWrite, kSync };

  // 0, or the errno with which the call fails. `torn`: it was the one in whose midst everything ended.
  int meet(Call call, const std::string& path, bool* torn);
  NodePointer find(const std::string& path) const;
  NodePointer find_parent(const std::string& path, std::string* name) const;
  Status change_name(const NodePointer& folder, NameChange change);
  void sync_data(Node& node);
  void lose_data(Node& node);
  void sync_names(Node& folder);
  void sync_all(Node& node);
  NodePointer survivor(const NodePointer& node);
  void survive_data(Node& node);
  void survive_names(Node& node);
  void drop_clean_pages(const NodePointer& node);
  void new_life();

  SeededRandom random_;
  LeftOut left_out_;
  NodePointer root_;
  double failing_ = 0;
  uint64_t calls_left_ = UINT64_MAX;
  bool is_stopped_ = false;
  uint64_t faults_ = 0;
  // Calls that still go well after a sync failed, so that it can be noted: a kill in between leaves no trace of it.
  int grace_ = 0;
  // Files that were opened in an earlier life are closed.
  uint64_t life_ = 0;
  int64_t clock_ = 0;
  uint64_t nodes_ = 0;
  bool in_sync_ = false;
  std::function<void()> during_sync_;
};

}  // namespace odradek::test
