// Runs a target without libFuzzer: first the cases that are kept for good, then inputs that a seeded mutator makes of a
// corpus. The engine is compiled with -fsanitize-coverage=trace-pc, and inputs that reach code which none before
// reached join the corpus.
//
//   TARGET [--cases FOLDER] [--corpus FOLDER] [--seconds N] [--seed N]... [--input HEX]
//
// Prints the number of cases, or the seed and the input that failed as hex.
#include <dirent.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

#include "fuzz.h"

namespace {

using Bytes = std::vector<uint8_t>;

constexpr size_t kLargest = 8192;
// An input that takes more processor time than one to two of these hangs.
constexpr int kHangSeconds = 20;

uint8_t reached[1 << 16];
volatile bool reached_more = false;
thread_local uintptr_t previous_location = 0;

const Bytes* current = nullptr;
uint64_t current_seed = 0;
volatile uint64_t cases = 0;

// Only what a signal handler may call.
void print_current(int signal) {
  char line[64];
  const int size = std::snprintf(line, sizeof line, "failed with signal %d, seed %llu, input as hex: ", signal,
                                 static_cast<unsigned long long>(current_seed));
  ssize_t written = write(2, line, static_cast<size_t>(size));
  if (current != nullptr) {
    for (const uint8_t byte : *current) {
      const char hex[2] = {"0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]};
      written += write(2, hex, 2);
    }
  }
  written += write(2, "\n", 1);
  (void)written;
}

void on_failure(int signal) {
  print_current(signal);
  ::signal(signal, SIG_DFL);
  raise(signal);
}

void on_tick(int signal) {
  static uint64_t cases_before = 0;
  if (cases == cases_before && current != nullptr) on_failure(signal);
  cases_before = cases;
}

void run(const Bytes& input) {
  // A copy of its own size: what reads past its end is found.
  const Bytes copy(input.begin(), input.end());
  current = &copy;
  cases = cases + 1;
  odradek::fuzz::fuzz_one(copy.data(), copy.size());
  current = nullptr;
}

class Mutator {
 public:
  Mutator(uint64_t seed, const std::vector<Bytes>& corpus) : random_(seed), corpus_(corpus) {}

  Bytes next() {
    Bytes bytes = corpus_[below(corpus_.size())];
    for (uint64_t changes = uint64_t{1} << below(5); changes > 0; changes--) change(bytes);
    if (bytes.size() > kLargest) bytes.resize(kLargest);
    return bytes;
  }

 private:
  uint64_t below(uint64_t bound) { return bound == 0 ? 0 : random_() % bound; }

  void change(Bytes& bytes) {
    const size_t at = below(bytes.size() + 1);
    const size_t run = std::min<size_t>(bytes.size() - at, 1 + below(uint64_t{1} << below(9)));
    const auto begin = bytes.begin() + static_cast<ptrdiff_t>(at);
    const auto end = begin + static_cast<ptrdiff_t>(run);
    switch (below(9)) {
      case 0:
        if (run > 0) bytes[at] ^= static_cast<uint8_t>(1 << below(8));
        break;
      case 1:
        if (run > 0) bytes[at] = static_cast<uint8_t>(random_());
        break;
      case 2: {
        // Numbers at the borders of what they may be, as all formats have them: big-endian.
        static constexpr uint64_t kBorders[] = {0,
                                                1,
                                                2,
                                                61,
                                                49,
                                                127,
                                                128,
                                                255,
                                                INT16_MAX,
                                                UINT16_MAX,
                                                INT32_MAX,
                                                UINT32_MAX,
                                                INT64_MAX,
                                                UINT64_MAX,
                                                uint64_t{1} << 63,
                                                uint64_t{1} << 31};
        const uint64_t value = kBorders[below(std::size(kBorders))] + below(3) - 1;
        const size_t size = size_t{1} << below(4);
        for (size_t i = 0; i < size && at + i < bytes.size(); i++) {
          bytes[at + i] = static_cast<uint8_t>(value >> (8 * (size - 1 - i)));
        }
        break;
      }
      case 3:
        bytes.erase(begin, end);
        break;
      case 4: {
        const Bytes copied(begin, end);
        const size_t to = below(bytes.size() + 1);
        bytes.insert(bytes.begin() + static_cast<ptrdiff_t>(to), copied.begin(), copied.end());
        break;
      }
      case 5: {
        Bytes inserted(1 + below(16));
        for (uint8_t& byte : inserted) byte = static_cast<uint8_t>(random_());
        bytes.insert(begin, inserted.begin(), inserted.end());
        break;
      }
      case 6:
        std::fill(begin, end, static_cast<uint8_t>(below(2) * 255));
        break;
      case 7: {
        const Bytes& other = corpus_[below(corpus_.size())];
        if (other.empty()) break;
        const size_t from = below(other.size());
        bytes.erase(begin, bytes.end());
        bytes.insert(bytes.end(), other.begin() + static_cast<ptrdiff_t>(from), other.end());
        break;
      }
      default:
        if (below(4) == 0)
          bytes.resize(at);
        else if (run > 0)
          bytes[at] = static_cast<uint8_t>(bytes[at] + below(2) * 2 - 1);
    }
  }

  std::mt19937_64 random_;
  const std::vector<Bytes>& corpus_;
};

int digit(char hex) { return hex >= 'a' ? hex - 'a' + 10 : hex - '0'; }

Bytes from_hex(const std::string& text) {
  Bytes bytes;
  for (size_t i = 0; i + 1 < text.size() && isxdigit(text[i]); i += 2) {
    bytes.push_back(static_cast<uint8_t>(digit(text[i]) << 4 | digit(text[i + 1])));
  }
  return bytes;
}

// In the order of their names; files that end in .hex are read as such.
std::vector<Bytes> read_folder(const char* path) {
  std::vector<Bytes> inputs;
  std::vector<std::string> names;
  DIR* folder = opendir(path);
  if (folder == nullptr) return inputs;
  while (const dirent* entry = readdir(folder)) names.push_back(entry->d_name);
  closedir(folder);
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    if (name[0] == '.') continue;
    std::ifstream file(std::string(path) + "/" + name, std::ios::binary);
    const std::string content((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    const bool is_hex = name.size() > 4 && name.compare(name.size() - 4, 4, ".hex") == 0;
    inputs.push_back(is_hex ? from_hex(content) : Bytes(content.begin(), content.end()));
  }
  return inputs;
}

}  // namespace

// By the compiler at each edge of the engine's code. Code of a position-independent program moves, its distances do
// not.
extern "C" __attribute__((no_sanitize("all"))) void __sanitizer_cov_trace_pc() {
  const uintptr_t location =
      reinterpret_cast<uintptr_t>(__builtin_return_address(0)) - reinterpret_cast<uintptr_t>(&__sanitizer_cov_trace_pc);
  const uintptr_t edge = (location ^ (previous_location << 5)) * 0x9e3779b97f4a7c15u >> 48;
  previous_location = location;
  if (reached[edge] == 0) {
    reached[edge] = 1;
    reached_more = true;
  }
}

// Lengths that an input states do not become memory.
extern "C" const char* __asan_default_options() { return "abort_on_error=1:max_allocation_size_mb=64"; }
extern "C" const char* __ubsan_default_options() { return "abort_on_error=1:print_stacktrace=1"; }

int main(int argc, char** argv) {
  std::vector<Bytes> kept;
  std::vector<Bytes> corpus = {Bytes()};
  std::vector<uint64_t> seeds;
  double seconds = 1;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string option = argv[i];
    if (option == "--cases") kept = read_folder(argv[i + 1]);
    if (option == "--input") kept = {from_hex(argv[i + 1])};
    if (option == "--seconds") seconds = std::atof(argv[i + 1]);
    if (option == "--seed") seeds.push_back(std::strtoull(argv[i + 1], nullptr, 10));
    if (option == "--corpus") {
      for (Bytes& bytes : read_folder(argv[i + 1])) corpus.push_back(std::move(bytes));
    }
  }
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) ::signal(signal, on_failure);
  signal(SIGPROF, on_tick);
  const itimerval every{{kHangSeconds, 0}, {kHangSeconds, 0}};
  setitimer(ITIMER_PROF, &every, nullptr);

  for (const Bytes& input : kept) run(input);
  for (const Bytes& input : corpus) run(input);
  const std::vector<Bytes> start = corpus;
  size_t found = 0;
  for (const uint64_t seed : seeds) {
    using Clock = std::chrono::steady_clock;
    const auto end = Clock::now() + std::chrono::duration<double>(seconds / static_cast<double>(seeds.size()));
    current_seed = seed;
    // Of its own for each seed, so that a seed alone repeats what it came to.
    corpus = start;
    std::fill(std::begin(reached), std::end(reached), uint8_t{0});
    for (const Bytes& input : start) run(input);
    Mutator mutator(seed, corpus);
    while (Clock::now() < end) {
      Bytes input = mutator.next();
      reached_more = false;
      run(input);
      if (reached_more) corpus.push_back(std::move(input));
    }
    found += corpus.size() - start.size();
  }
  std::printf("%llu cases, %zu of them reached new code, failures: 0\n", static_cast<unsigned long long>(cases), found);
  return 0;
}
