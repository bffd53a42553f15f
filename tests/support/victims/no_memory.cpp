// A program whose memory runs out. Every `new` of the process, the library's included, comes here.
//   no_memory log ROOT NTH LENGTH     from the NTH allocation behind the start, LENGTH of them fail
//   no_memory start ROOT NTH LENGTH   the same, counted from before the start
//   no_memory recover ROOT NTH LENGTH reads ROOT and recovers it meanwhile
//   no_memory address_space ROOT      the address space is used up for a while, for malloc and mmap
// Says at its end "calls N dropped N" of the metric train/loss, or "error …" where nothing began.
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <new>
#include <string>
#include <utility>

#include "runlog/runlog.hpp"

namespace {

using namespace std::chrono_literals;

std::atomic<bool> is_counting = false;
std::atomic<long> count = 0;
long first_to_fail = 0;
long last_to_fail = 0;

void* allocate(std::size_t bytes) {
  if (is_counting.load(std::memory_order_relaxed)) {
    const long nth = count.fetch_add(1, std::memory_order_relaxed) + 1;
    if (nth >= first_to_fail && nth <= last_to_fail) return nullptr;
  }
  return std::malloc(bytes != 0 ? bytes : 1);
}

void* allocate_aligned(std::size_t bytes, std::size_t alignment) {
  void* const memory = allocate(1);
  if (memory == nullptr) return nullptr;
  std::free(memory);
  return std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

runlog::Options options(const char* root) {
  return {.root = root,
          .sync_interval = 10ms,
          .ship_interval = 100ms,
          .pack_bytes = 64u << 10,
          .segment_bytes = 64u << 10,
          .finish_deadline = 5s,
          .on_error = [](const runlog::Error&) {}};
}

// Metrics through a handle and by names old and new, values of all kinds, and what asks the keeper
// for something. Counts the calls that log train/loss, and the others.
void use(runlog::Run& run, long& calls, long& others) {
  auto loss = run.metric("train/loss");
  for (int round = 0; round < 8; ++round) {
    for (int i = 0; i < 1500; ++i) loss.log(static_cast<double>(calls) * 0.37, calls), ++calls;
    for (int i = 0; i < 50; ++i)
      run.log("train/loss", static_cast<double>(calls) * 0.37, calls), ++calls;
    run.log("name/" + std::string(40, static_cast<char>('a' + round)), 1), ++others;
    run.text(runlog::Level::info, "a text"), ++others;
    run.text(runlog::Level::info, std::string("no \xff utf8 ") + std::string(200, 'x')), ++others;
    run.param("param", std::string(100, 'p')), ++others;
    // A property that is there already with this value is no record.
    (void)run.property("property/" + std::string(1, static_cast<char>('a' + round)),
                       "value of some length, so that it is no short string");
    ++others;
    (void)run.stats();
    (void)run.run_id();
    (void)run.session();
    (void)run.journal_path();
    if (round == 2) (void)run.wait_until(runlog::Durable, 2s);
    if (round == 4) (void)run.wait_until(runlog::Shipped, 2s);
    if (round == 5) run.flush();
    if (round == 6) (void)run.get_metrics("train/*");
  }
}

void tell(runlog::Run& run, long calls) {
  std::printf("calls %ld dropped %llu\n", calls,
              static_cast<unsigned long long>(run.stats().dropped));
}

int log(const char* root, bool counts_start) {
  runlog::Options given = options(root);
  given.store = std::string(root) + ".store";
  is_counting = counts_start;
  auto started = runlog::start_logging(std::move(given));
  if (!started) {
    is_counting = false;
    std::printf("error %s\n", started.error().message.c_str());
    return 0;
  }
  auto run = std::move(started).value();
  is_counting = true;
  long others = 2;  // started, and the end
  long calls = 0;
  // This program's own strings need memory as well.
  try {
    use(run, calls, others);
  } catch (const std::bad_alloc&) {
  }
  run.complete();
  is_counting = false;
  tell(run, calls);
  std::printf("others %ld\n", others);
  std::printf("allocations %ld\n", count.load());
  return 0;
}

int recover(const std::filesystem::path& root) {
  is_counting = true;
  auto reader = runlog::Reader::open(root);
  runlog::Reader::Entry entry;
  while (reader && reader->next(entry)) {
  }
  (void)runlog::summarize(root);
  (void)runlog::summarize_series(root);
  (void)runlog::check_blobs(root);
  const auto outcomes = runlog::recover(root, {.retries = false});
  is_counting = false;
  std::printf("allocations %ld\n", count.load());
  return 0;
}

// The blocks are a list through themselves, so that it needs no memory of its own.
int address_space(const char* root) {
  auto run = runlog::start_logging(options(root)).value();
  auto loss = run.metric("train/loss");
  long calls = 0;
  for (int i = 0; i < 10'000; ++i, ++calls) loss.log(1.0, calls);
  long pages = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%ld", &pages) != 1) return 2;
    std::fclose(file);
  }
  const rlimit limit{static_cast<rlim_t>(pages) * 4096 + (1u << 20), RLIM_INFINITY};
  ::setrlimit(RLIMIT_AS, &limit);
  void* taken = nullptr;
  for (std::size_t size = 1u << 20; size >= 16; size /= 2) {
    while (void* block = std::malloc(size)) {
      *static_cast<void**>(block) = taken;
      taken = block;
    }
  }
  // Faster than segments become free again, until calls are dropped; then the keeper comes by a few
  // times more.
  for (std::uint64_t dropped = 0, rounds = 0; rounds < 20;) {
    for (int i = 0; i < 500; ++i, ++calls) loss.log(1.0, calls);
    if (dropped > 0) (void)run.wait_until(runlog::Durable, 20ms);
    dropped = run.stats().dropped;
    if (dropped > 0) ++rounds;
  }
  while (taken != nullptr) {
    void* next = *static_cast<void**>(taken);
    std::free(taken);
    taken = next;
  }
  const rlimit none{RLIM_INFINITY, RLIM_INFINITY};
  ::setrlimit(RLIMIT_AS, &none);
  for (int i = 0; i < 10'000; ++i, ++calls) loss.log(2.0, calls);
  run.complete();
  tell(run, calls);
  return 0;
}

}  // namespace

void* operator new(std::size_t bytes) {
  if (void* const memory = allocate(bytes)) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return allocate(bytes);
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  if (void* const memory = allocate_aligned(bytes, static_cast<std::size_t>(alignment))) {
    return memory;
  }
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const std::string mode = argv[1];
  if (mode == "address_space") return address_space(argv[2]);
  if (argc != 5) return 2;
  first_to_fail = std::atol(argv[3]);
  const long length = std::atol(argv[4]);
  last_to_fail = length < 0 ? __LONG_MAX__ : first_to_fail + length - 1;
  if (mode == "recover") return recover(argv[2]);
  return log(argv[2], mode == "start");
}
