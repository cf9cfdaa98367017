#include "faults_wrap.h"

#include <string>
#include <vector>

#include "environment.h"
#include "file_faults.h"

namespace odradek {
namespace {

uint64_t count_of(Napi::Object object, const char* name, uint64_t otherwise) {
  const Napi::Value value = object.Get(name);
  return value.IsNumber() ? static_cast<uint64_t>(value.As<Napi::Number>().Int64Value()) : otherwise;
}

void SetFaults(const Napi::CallbackInfo& info) {
  // Files that it opened refer to it for as long as they are open.
  static FaultyFileSystem* const faulty = [] {
    auto* made = new FaultyFileSystem(file_system());
    set_file_system(made);
    return made;
  }();
  const Napi::Array array = info[0].As<Napi::Array>();
  std::vector<Fault> faults;
  for (uint32_t i = 0; i < array.Length(); i++) {
    const Napi::Object object = array.Get(i).As<Napi::Object>();
    const std::string operation = object.Get("operation").ToString().Utf8Value();
    Fault fault;
    for (size_t known = 0; known < std::size(kFileOperationNames); known++) {
      if (operation == kFileOperationNames[known]) fault.operation = static_cast<FileOperation>(known);
    }
    fault.path = object.Get("path").ToString().Utf8Value();
    fault.after = count_of(object, "after", 0);
    fault.times = count_of(object, "times", UINT64_MAX);
    fault.error = static_cast<int>(count_of(object, "errno", 0));
    fault.delay_ms = count_of(object, "delayMs", 0);
    faults.push_back(std::move(fault));
  }
  faulty->set_faults(std::move(faults), &Environment::of(info.Env()));
}

}  // namespace

void InitFaults(Napi::Env env, Napi::Object exports) { exports.Set("setFaults", Napi::Function::New<SetFaults>(env)); }

}  // namespace odradek
