#include "simulated_disk.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

namespace odradek::test {
namespace {

using Content = std::vector<uint8_t>;

constexpr uint64_t kSector = 512;
constexpr uint64_t kPage = 4096;

void write_into(Content& content, uint64_t position, const uint8_t* data, size_t size) {
  if (size == 0) return;
  if (content.size() < position + size) content.resize(position + size);
  std::memcpy(content.data() + position, data, size);
}

}  // namespace

// A write, or a change of the size.
struct SimulatedDisk::Change {
  uint64_t position = 0;
  Content bytes;
  bool is_size = false;

  void apply(Content& content) const {
    if (is_size) {
      content.resize(position);
    } else {
      write_into(content, position, bytes.data(), bytes.size());
    }
  }
  uint64_t size_after(uint64_t size) const {
    return is_size ? position : std::max<uint64_t>(size, position + bytes.size());
  }
};

// Entries that go and entries that come, at once. A null node: whatever has the name goes.
struct SimulatedDisk::NameChange {
  std::string gone;
  std::string come;
  NodePointer node;

  void apply(std::map<std::string, NodePointer>& entries) const {
    if (!gone.empty()) {
      const auto found = entries.find(gone);
      if (found != entries.end() && found->second == node) entries.erase(found);
    }
    if (!come.empty()) entries[come] = node;
  }
};

struct SimulatedDisk::Node {
  bool is_folder = false;
  int64_t modified_ms = 0;
  uint64_t id = 0;
  // A file.
  Content cache;
  Content disk;
  std::deque<Change> unsynced;
  // The page cache may differ from disk and unsynced changes: a failed sync lost what it covered.
  bool is_lost = false;
  // A folder.
  std::map<std::string, NodePointer> entries;
  std::map<std::string, NodePointer> disk_entries;
  std::deque<NameChange> unsynced_names;

  void change(Change&& change) {
    change.apply(cache);
    unsynced.push_back(std::move(change));
  }
};

class SimulatedDisk::OpenFile final : public File {
 public:
  OpenFile(SimulatedDisk& disk, NodePointer node, std::string path)
      : disk_(disk), node_(std::move(node)), path_(std::move(path)), life_(disk.life_) {}

  Status pwrite(const void* data, size_t size, uint64_t position) override {
    const iovec part{const_cast<void*>(data), size};
    return pwritev(&part, 1, position);
  }

  Status pwritev(const iovec* parts, size_t count, uint64_t position) override {
    Change change;
    change.position = position;
    for (size_t i = 0; i < count; i++) {
      const auto* data = static_cast<const uint8_t*>(parts[i].iov_base);
      change.bytes.insert(change.bytes.end(), data, data + parts[i].iov_len);
    }
    bool torn = false;
    const int error = meet(Call::kWrite, &torn);
    if (error != 0 && is_open()) {
      if (torn || disk_.random_.chance(0.7)) {
        change.bytes.resize(disk_.random_.below(change.bytes.size() + 1));
      } else {
        change.bytes.clear();
      }
    }
    if (is_open() && (error == 0 || torn || !disk_.is_stopped_) && !change.bytes.empty()) {
      node_->modified_ms = ++disk_.clock_;
      node_->change(std::move(change));
    }
    return result(error);
  }

  Status pread(void* data, size_t size, uint64_t position, size_t* read) override {
    *read = 0;
    bool torn = false;
    if (const int error = meet(Call::kRead, &torn)) return result(error);
    *read = copy(data, size, position);
    return Status();
  }

  size_t pread_cached(void* data, size_t size, uint64_t position) override {
    if (!is_open() || disk_.is_stopped_ || disk_.random_.chance(0.1)) return 0;
    return copy(data, size, position);
  }

  Status datasync() override {
    bool torn = false;
    const int error = meet(Call::kSync, &torn);
    if (!is_open() || disk_.left_out_.data_syncs) return result(error);
    if (error != 0) {
      // The kernel has tried: some of it is on disk, and it marks all of it clean. With the power gone it just stops.
      if (!disk_.is_stopped_) {
        disk_.lose_data(*node_);
        disk_.grace_ = 10;
      } else if (torn && disk_.random_.chance(0.5)) {
        disk_.sync_data(*node_);
      }
      return result(error);
    }
    // What comes while it is under way is not covered.
    std::deque<Change> covered;
    covered.swap(node_->unsynced);
    if (disk_.during_sync_ && !disk_.in_sync_) {
      disk_.in_sync_ = true;
      disk_.during_sync_();
      disk_.in_sync_ = false;
    }
    if (disk_.is_stopped_) {
      node_->unsynced.insert(node_->unsynced.begin(), covered.begin(), covered.end());
      return result(EIO);
    }
    for (const Change& change : covered) change.apply(node_->disk);
    return Status();
  }

  Status sync_file_system() override {
    bool torn = false;
    if (const int error = meet(Call::kSync, &torn)) return result(error);
    if (!disk_.left_out_.data_syncs) disk_.sync_all(*disk_.root_);
    return Status();
  }

  bool sync_file_system_is_reliable() override { return true; }
  Status write_error() override { return Status(); }

  Status truncate(uint64_t size) override {
    bool torn = false;
    const int error = meet(Call::kName, &torn);
    if (error == 0 || (torn && is_open() && disk_.random_.chance(0.5))) {
      if (node_->cache.size() != size) node_->change({size, {}, true});
    }
    return result(error);
  }

  Status size(uint64_t* size) override {
    if (!is_open() || disk_.is_stopped_) return result(EIO);
    *size = node_->cache.size();
    return Status();
  }

  Status lock() override { return Status(); }
  uint64_t device() const override { return 1; }
  int descriptor() const override { return -1; }

 private:
  bool is_open() const { return life_ == disk_.life_; }
  int meet(Call call, bool* torn) { return is_open() ? disk_.meet(call, path_, torn) : EIO; }
  Status result(int error) const { return error == 0 ? Status() : Status::from_errno(error, path_); }
  size_t copy(void* data, size_t size, uint64_t position) const {
    const Content& content = node_->cache;
    if (position >= content.size()) return 0;
    const size_t taken = std::min<size_t>(size, content.size() - position);
    std::memcpy(data, content.data() + position, taken);
    return taken;
  }

  SimulatedDisk& disk_;
  const NodePointer node_;
  const std::string path_;
  const uint64_t life_;
};

SimulatedDisk::SimulatedDisk(uint64_t seed) : random_(seed), root_(std::make_shared<Node>()) {
  root_->is_folder = true;
}

SimulatedDisk::~SimulatedDisk() = default;

int SimulatedDisk::meet(Call call, const std::string&, bool* torn) {
  *torn = false;
  if (is_stopped_) return EIO;
  if (grace_ > 0) {
    grace_--;
    return 0;
  }
  if (call != Call::kRead && calls_left_ != UINT64_MAX && calls_left_-- <= 1) {
    is_stopped_ = true;
    *torn = true;
    return EIO;
  }
  if (failing_ == 0 || !random_.chance(failing_)) return 0;
  faults_++;
  return call != Call::kRead && random_.chance(0.5) ? ENOSPC : EIO;
}

SimulatedDisk::NodePointer SimulatedDisk::find(const std::string& path) const {
  NodePointer node = root_;
  for (size_t at = 0; node && at < path.size();) {
    if (path[at] == '/') {
      at++;
      continue;
    }
    const size_t end = std::min(path.find('/', at), path.size());
    const auto found = node->entries.find(path.substr(at, end - at));
    node = found == node->entries.end() ? nullptr : found->second;
    at = end;
  }
  return node;
}

SimulatedDisk::NodePointer SimulatedDisk::find_parent(const std::string& path, std::string* name) const {
  const size_t slash = path.find_last_of('/');
  *name = path.substr(slash + 1);
  return find(path.substr(0, slash));
}

Status SimulatedDisk::change_name(const NodePointer& folder, NameChange change) {
  change.apply(folder->entries);
  folder->unsynced_names.push_back(std::move(change));
  return Status();
}

Status SimulatedDisk::open(const std::string& path, OpenMode mode, std::shared_ptr<File>* file) {
  std::string name;
  const NodePointer parent = find_parent(path, &name);
  NodePointer node = find(path);
  const bool creates = mode == OpenMode::kCreate || mode == OpenMode::kCreateTruncate;
  const bool changes = (creates && !node) || mode == OpenMode::kCreateTruncate;
  bool torn = false;
  const int error = meet(changes ? Call::kName : Call::kRead, path, &torn);
  if (error != 0 && !(torn && random_.chance(0.5))) return Status::from_errno(error, path);
  if (!parent || (!node && !creates)) return Status::from_errno(ENOENT, path);
  if (!node) {
    node = std::make_shared<Node>();
    node->id = ++nodes_;
    node->modified_ms = ++clock_;
    change_name(parent, {"", name, node}).ignore();
  } else if (mode == OpenMode::kCreateTruncate && !node->cache.empty()) {
    node->change({0, {}, true});
  }
  if (error != 0) return Status::from_errno(error, path);
  *file = std::make_shared<OpenFile>(*this, std::move(node), path);
  return Status();
}

Status SimulatedDisk::info(const std::string& path, FileInfo* info) {
  bool torn = false;
  if (const int error = meet(Call::kRead, path, &torn)) return Status::from_errno(error, path);
  const NodePointer node = find(path);
  if (!node) return Status::from_errno(ENOENT, path);
  info->size = node->cache.size();
  info->modified_ms = node->modified_ms;
  info->is_folder = node->is_folder;
  info->id = node->id;
  return Status();
}

Status SimulatedDisk::rename(const std::string& from, const std::string& to) {
  bool torn = false;
  const int error = meet(Call::kName, from, &torn);
  if (error != 0 && !(torn && random_.chance(0.5))) return Status::from_errno(error, from);
  std::string old_name;
  std::string new_name;
  const NodePointer parent = find_parent(from, &old_name);
  const NodePointer node = find(from);
  if (!parent || !node || parent != find_parent(to, &new_name)) return Status::from_errno(ENOENT, from);
  change_name(parent, {old_name, new_name, node}).ignore();
  return error == 0 ? Status() : Status::from_errno(error, from);
}

Status SimulatedDisk::unlink(const std::string& path) {
  bool torn = false;
  const int error = meet(Call::kName, path, &torn);
  if (error != 0 && !(torn && random_.chance(0.5))) return Status::from_errno(error, path);
  std::string name;
  const NodePointer parent = find_parent(path, &name);
  const NodePointer node = find(path);
  if (!parent || !node) return Status::from_errno(ENOENT, path);
  change_name(parent, {name, "", node}).ignore();
  return error == 0 ? Status() : Status::from_errno(error, path);
}

Status SimulatedDisk::make_folder(const std::string& path) {
  bool torn = false;
  const int error = meet(Call::kName, path, &torn);
  if (error != 0 && !(torn && random_.chance(0.5))) return Status::from_errno(error, path);
  std::string name;
  const NodePointer parent = find_parent(path, &name);
  if (!parent) return Status::from_errno(ENOENT, path);
  if (!find(path)) {
    auto node = std::make_shared<Node>();
    node->is_folder = true;
    node->id = ++nodes_;
    change_name(parent, {"", name, std::move(node)}).ignore();
  }
  return error == 0 ? Status() : Status::from_errno(error, path);
}

Status SimulatedDisk::remove_folder(const std::string& path) {
  const NodePointer node = find(path);
  if (node && !node->entries.empty()) return Status::from_errno(ENOTEMPTY, path);
  return unlink(path);
}

Status SimulatedDisk::list(const std::string& path, std::vector<FolderEntry>* entries) {
  bool torn = false;
  if (const int error = meet(Call::kRead, path, &torn)) return Status::from_errno(error, path);
  const NodePointer node = find(path);
  if (!node) return Status::from_errno(ENOENT, path);
  entries->clear();
  for (const auto& [name, entry] : node->entries) entries->push_back({name, entry->is_folder});
  return Status();
}

Status SimulatedDisk::sync_folder(const std::string& path) {
  bool torn = false;
  const int error = meet(Call::kSync, path, &torn);
  const NodePointer node = find(path);
  if (!node) return Status::from_errno(error == 0 ? ENOENT : error, path);
  // A journal that could not be written is tried again by the next sync.
  if (!left_out_.folder_syncs && (error == 0 || (torn && random_.chance(0.5)))) sync_names(*node);
  return error == 0 ? Status() : Status::from_errno(error, path);
}

void SimulatedDisk::sync_data(Node& node) {
  for (const Change& change : node.unsynced) change.apply(node.disk);
  node.unsynced.clear();
}

// A sync that failed: some pages were written, none is dirty any longer. Sizes stay in the journal.
void SimulatedDisk::lose_data(Node& node) {
  survive_data(node);
  std::erase_if(node.unsynced, [](const Change& change) { return !change.is_size; });
  node.is_lost = true;
}

void SimulatedDisk::sync_names(Node& folder) {
  for (const NameChange& change : folder.unsynced_names) change.apply(folder.disk_entries);
  folder.unsynced_names.clear();
}

void SimulatedDisk::sync_all(Node& node) {
  sync_data(node);
  sync_names(node);
  for (const auto& [name, entry] : node.entries) sync_all(*entry);
}

// Brings some of the unsynced changes to the disk.
void SimulatedDisk::survive_data(Node& node) {
  if (node.unsynced.empty()) return;
  enum Fate { kLost, kKept, kOrdered, kScattered, kSized, kFates };
  const auto fate = static_cast<Fate>(random_.below(kFates));
  Content& disk = node.disk;
  if (fate == kKept) {
    for (const Change& change : node.unsynced) change.apply(disk);
  } else if (fate == kOrdered) {
    // The first ones whole, the next up to some sector's border.
    const size_t whole = random_.below(node.unsynced.size());
    for (size_t i = 0; i < whole; i++) node.unsynced[i].apply(disk);
    const Change& torn = node.unsynced[whole];
    if (!torn.is_size) {
      const uint64_t end = (torn.position + random_.below(torn.bytes.size() + 1)) / kSector * kSector;
      if (end > torn.position) write_into(disk, torn.position, torn.bytes.data(), end - torn.position);
    }
  } else if (fate != kLost) {
    if (fate == kSized) {
      // The size goes to the disk before the data, which reads as zeros.
      uint64_t size = disk.size();
      for (const Change& change : node.unsynced) size = change.size_after(size);
      disk.resize(size);
    }
    constexpr double kProbabilities[] = {0.1, 0.5, 0.9};
    const double probability = kProbabilities[random_.below(std::size(kProbabilities))];
    const uint64_t unit = random_.chance(0.5) ? kSector : kPage;
    for (const Change& change : node.unsynced) {
      if (change.is_size) {
        if (random_.chance(probability)) disk.resize(change.position);
        continue;
      }
      for (uint64_t at = 0; at < change.bytes.size();) {
        const uint64_t position = change.position + at;
        const uint64_t size = std::min<uint64_t>(unit - position % unit, change.bytes.size() - at);
        if (random_.chance(probability)) write_into(disk, position, change.bytes.data() + at, size);
        at += size;
      }
    }
  }
}

// A journal keeps the order of a folder's changes; others keep that of each name alone. A rename is one change.
void SimulatedDisk::survive_names(Node& node) {
  if (node.unsynced_names.empty()) return;
  if (random_.chance(0.7)) {
    const size_t kept = random_.below(node.unsynced_names.size() + 1);
    for (size_t i = 0; i < kept; i++) node.unsynced_names[i].apply(node.disk_entries);
    return;
  }
  const double probability = random_.chance(0.5) ? 0.5 : 0.9;
  std::set<std::string> lost;
  for (const NameChange& change : node.unsynced_names) {
    const bool free = !lost.contains(change.gone) && !lost.contains(change.come);
    if (free && random_.chance(probability)) {
      change.apply(node.disk_entries);
    } else {
      if (!change.gone.empty()) lost.insert(change.gone);
      if (!change.come.empty()) lost.insert(change.come);
    }
  }
}

SimulatedDisk::NodePointer SimulatedDisk::survivor(const NodePointer& node) {
  auto after = std::make_shared<Node>();
  after->is_folder = node->is_folder;
  after->id = node->id;
  after->modified_ms = node->modified_ms;
  if (node->is_folder) {
    survive_names(*node);
    for (const auto& [name, entry] : node->disk_entries) {
      after->entries[name] = survivor(entry);
    }
    after->disk_entries = after->entries;
  } else {
    survive_data(*node);
    after->disk = std::move(node->disk);
    after->cache = after->disk;
  }
  return after;
}

void SimulatedDisk::drop_clean_pages(const NodePointer& node) {
  for (const auto& [name, entry] : node->entries) {
    if (entry->is_folder) {
      drop_clean_pages(entry);
    } else if (entry->is_lost && random_.chance(0.5)) {
      entry->is_lost = false;
      entry->cache = entry->disk;
      for (const Change& change : entry->unsynced) change.apply(entry->cache);
    }
  }
}

void SimulatedDisk::new_life() {
  life_++;
  is_stopped_ = false;
  calls_left_ = UINT64_MAX;
  grace_ = 0;
  faults_ = 0;
}

void SimulatedDisk::restart_process() {
  drop_clean_pages(root_);
  new_life();
}

void SimulatedDisk::restart_machine() {
  root_ = survivor(root_);
  new_life();
}

std::vector<std::string> SimulatedDisk::files(const std::string& folder) {
  std::vector<std::string> paths;
  const NodePointer node = find(folder);
  if (!node) return paths;
  for (const auto& [name, entry] : node->entries) {
    if (!entry->is_folder) paths.push_back(folder + "/" + name);
  }
  return paths;
}

std::vector<uint8_t> SimulatedDisk::bytes(const std::string& path) {
  const NodePointer node = find(path);
  return node ? node->cache : Content();
}

void SimulatedDisk::flip_bit(const std::string& path, uint64_t bit) {
  const NodePointer node = find(path);
  const auto mask = static_cast<uint8_t>(1u << (bit % 8));
  node->cache[bit / 8] ^= mask;
  if (bit / 8 < node->disk.size()) node->disk[bit / 8] ^= mask;
}

}  // namespace odradek::test
