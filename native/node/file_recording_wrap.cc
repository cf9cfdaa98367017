#include "file_recording_wrap.h"

#include <iterator>
#include <string>

#include "file_recording.h"

namespace odradek {
namespace {

// Never destroyed: files that it opened refer to it. Set and read on the main thread.
RecordingFileSystem* recording = nullptr;

void RecordFiles(const Napi::CallbackInfo& info) {
  recording = new RecordingFileSystem(file_system(), info[0].As<Napi::String>().Utf8Value(),
                                      info[1].As<Napi::String>().Utf8Value(), info[2].ToBoolean().Value());
  set_file_system(recording);
}

void MarkJournal(const Napi::CallbackInfo& info) {
  if (recording) {
    recording->mark(info[0].As<Napi::String>().Utf8Value());
  } else {
    Napi::Error::New(info.Env(), "no files are recorded").ThrowAsJavaScriptException();
  }
}

}  // namespace

void InitFileRecording(Napi::Env env, Napi::Object exports) {
  Napi::Array kinds = Napi::Array::New(env);
  for (uint32_t i = 0; i < std::size(kJournalKindNames); i++) kinds.Set(i, kJournalKindNames[i]);
  exports.Set("journalKinds", kinds);
  exports.Set("recordFiles", Napi::Function::New<RecordFiles>(env));
  exports.Set("markJournal", Napi::Function::New<MarkJournal>(env));
}

}  // namespace odradek
