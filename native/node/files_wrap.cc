#include "files_wrap.h"

#include <cstring>
#include <functional>
#include <string>
#include <utility>

#include "environment.h"
#include "folder.h"
#include "thread_pool.h"

namespace odradek {
namespace {

// Argument 0 is the operation's id, argument 1 a path.
void run(const Napi::CallbackInfo& info, ThreadPool& pool,
         std::function<Status(const std::string& path, Completion* completion)> work) {
  const std::shared_ptr<CompletionQueue> sink = Environment::of(info.Env()).completions;
  sink->begin();
  pool.post([id = info[0].As<Napi::Number>().DoubleValue(), path = info[1].As<Napi::String>().Utf8Value(), sink,
             work = std::move(work)] {
    Completion completion = Completion::operation(id, Status());
    completion.status = work(path, &completion);
    sink->post(std::move(completion));
  });
}

void WriteAtomically(const Napi::CallbackInfo& info) {
  const Napi::Uint8Array source = info[2].As<Napi::Uint8Array>();
  auto bytes = std::make_shared<Bytes>(Bytes::allocate(source.ByteLength()));
  if (bytes->data) std::memcpy(bytes->data.get(), source.Data(), bytes->size);
  run(info, ThreadPool::flush(), [bytes](const std::string& path, Completion*) {
    if (!bytes->data) return Status::from_errno(ENOMEM, path);
    return write_atomically(path, {reinterpret_cast<const char*>(bytes->data.get()), bytes->size});
  });
}

void Read(const Napi::CallbackInfo& info) {
  run(info, ThreadPool::read(), [](const std::string& path, Completion* completion) {
    Bytes bytes;
    ODRADEK_RETURN_IF_ERROR(read_file(path, &bytes));
    completion->payload = std::move(bytes);
    return Status();
  });
}

void MakeFolder(const Napi::CallbackInfo& info) {
  run(info, ThreadPool::flush(), [](const std::string& path, Completion*) { return make_folders(path); });
}

void Remove(const Napi::CallbackInfo& info) {
  run(info, ThreadPool::read(), [](const std::string& path, Completion*) { return file_system().unlink(path); });
}

void RemoveFolder(const Napi::CallbackInfo& info) {
  run(info, ThreadPool::read(), [](const std::string& path, Completion*) { return remove_tree(path); });
}

void Rename(const Napi::CallbackInfo& info) {
  run(info, ThreadPool::read(), [to = info[2].As<Napi::String>().Utf8Value()](const std::string& path, Completion*) {
    return file_system().rename(path, to);
  });
}

void SyncFolder(const Napi::CallbackInfo& info) {
  run(info, ThreadPool::flush(), [](const std::string& path, Completion*) { return file_system().sync_folder(path); });
}

void Lock(const Napi::CallbackInfo& info) {
  run(info, ThreadPool::read(), [](const std::string& path, Completion* completion) {
    std::shared_ptr<File> file;
    ODRADEK_RETURN_IF_ERROR(file_system().open(path, OpenMode::kCreate, &file));
    ODRADEK_RETURN_IF_ERROR(file->lock());
    completion->payload = std::move(file);
    return Status();
  });
}

}  // namespace

void InitFiles(Napi::Env env, Napi::Object exports) {
  Napi::Object files = Napi::Object::New(env);
  files.Set("writeAtomically", Napi::Function::New<WriteAtomically>(env));
  files.Set("read", Napi::Function::New<Read>(env));
  files.Set("makeFolder", Napi::Function::New<MakeFolder>(env));
  files.Set("remove", Napi::Function::New<Remove>(env));
  files.Set("removeFolder", Napi::Function::New<RemoveFolder>(env));
  files.Set("rename", Napi::Function::New<Rename>(env));
  files.Set("syncFolder", Napi::Function::New<SyncFolder>(env));
  files.Set("lock", Napi::Function::New<Lock>(env));
  exports.Set("files", files);
}

}  // namespace odradek
