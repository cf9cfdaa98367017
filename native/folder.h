// What takes several file system calls: whole folders, files that appear at once. May wait on the disk; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "completion.h"
#include "status.h"

namespace odradek {

// The folder that holds `path`.
std::string parent_folder(const std::string& path);
// With the parents that are missing; durable when it returns OK, even if it was there.
Status make_folders(const std::string& path);
// With all that is in it.
Status remove_tree(const std::string& path);
// Its name is on disk once its folder is synced.
Status write_synced(const std::string& path, std::string_view bytes);
// Either the old content or all of the new, whenever the power goes; durable when it returns OK.
Status write_atomically(const std::string& path, std::string_view bytes);
Status read_file(const std::string& path, Bytes* bytes);

}  // namespace odradek
