// Tests only: exports.recordFiles(journal, folder, leaveOutSyncs) records what changes the disk below a folder from
// now on, exports.markJournal(text) writes a line of the test's own between the entries; exports.journalKinds names
// the kinds of entries.
#pragma once

#include <napi.h>

namespace odradek {

void InitFileRecording(Napi::Env env, Napi::Object exports);

}  // namespace odradek
