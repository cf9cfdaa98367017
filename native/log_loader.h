// Opens a log's folder: finishes or undoes what was under way when it was last used, recovers what was not on disk.
// May wait on the disk; one thread.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "log.h"

namespace odradek {

class LogLoader {
 public:
  LogLoader(std::shared_ptr<const std::string> folder, const LogSettings& settings, const OpenOptions& options)
      : folder_(std::move(folder)), settings_(settings), options_(options) {}

  // After it, all below log_end() is on disk.
  Status load();
  Log::Segments take_segments() { return std::move(segments_); }
  int64_t log_end() const { return log_end_; }
  int64_t gap_limit() const { return gap_limit_; }
  const RecoveryReport& report() const { return report_; }

 private:
  Status make();
  Status limit_gaps();
  Status clear_leftovers();
  Status finish_swap(const std::set<int64_t>& swaps, const std::set<int64_t>& logs);
  Status load_segments();
  Status drop_after(std::vector<int64_t>::const_iterator first, std::vector<int64_t>::const_iterator end);
  Status sync_names();
  Status start_at(int64_t offset);

  const std::shared_ptr<const std::string> folder_;
  const std::string& path_ = *folder_;
  const LogSettings& settings_;
  const OpenOptions& options_;
  std::vector<int64_t> bases_;
  Log::Segments segments_;
  int64_t log_end_ = 0;
  int64_t gap_limit_ = -1;
  bool is_marked_ = false;
  RecoveryReport report_;
};

}  // namespace odradek
