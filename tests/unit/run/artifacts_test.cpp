// Artifacts: files and folders that are staged while they grow, change, vanish, have holes, are not
// files at all, or find no room.
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <fstream>
#include <functional>
#include <set>
#include <thread>

#include "journal/blobs.hpp"
#include "platform/file_digest.hpp"
#include "runlog/runlog.hpp"
#include "support/catch.hpp"
#include "support/contents.hpp"
#include "support/process.hpp"
#include "support/small_disk.hpp"
#include "support/unmounted.hpp"

using namespace std::chrono_literals;
using runlog::Errc;
using runlog::Kind;
using Source = runlog::Blob::Source;
using test::TemporaryDirectory;

namespace {

constexpr std::uint64_t kMiB = 1u << 20;
constexpr int kTries = 500;

runlog::Run start(const std::filesystem::path& root, runlog::Options options = {}) {
  options.root = root;
  auto run = runlog::start_logging(std::move(options));
  REQUIRE(run);
  return *run;
}

runlog::JournalDir make_journal(const TemporaryDirectory& root) {
  runlog::JournalDir directory(root / "journal");
  REQUIRE(directory.create());
  return directory;
}

void write(const std::filesystem::path& path, std::string_view content) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << content;
}

std::string content_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::uint64_t disk_bytes(const std::filesystem::path& path) {
  struct stat raw {};
  REQUIRE(::stat(path.c_str(), &raw) == 0);
  return static_cast<std::uint64_t>(raw.st_blocks) * 512;
}

std::size_t files_in(const std::filesystem::path& directory) {
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory)) ++files;
  return files;
}

std::vector<std::string> names(const std::vector<test::Row>& rows) {
  std::vector<std::string> all;
  for (const auto& row : rows) all.push_back(row.name);
  return all;
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// Does something again and again, in a thread, until the scope ends.
class Meanwhile {
 public:
  explicit Meanwhile(std::function<void()> work)
      : thread_([this, work = std::move(work)] {
          while (!stop_) {
            work();
            ++rounds_;
          }
        }) {
    while (rounds_ == 0) std::this_thread::yield();
  }
  ~Meanwhile() {
    stop_ = true;
    thread_.join();
  }
  Meanwhile(const Meanwhile&) = delete;
  Meanwhile& operator=(const Meanwhile&) = delete;

 private:
  std::atomic<bool> stop_ = false;
  std::atomic<std::uint64_t> rounds_ = 0;
  std::thread thread_;
};

// Runs in a thread that the file system's permissions bind, as they do not bind root.
template <typename Work>
void without_root(Work work) {
  std::thread([&] {
    __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2] = {};
    if (::syscall(SYS_capget, &header, data) == 0) {
      for (auto& part : data) part.effective = 0;
      (void)::syscall(SYS_capset, &header, data);
    }
    work();
  }).join();
}

}  // namespace

TEST_CASE("a growing upload is as long as the file was at the call, and is marked") {
  TemporaryDirectory root;
  const auto directory = make_journal(root);
  runlog::DiskRoom room(directory, UINT64_MAX);
  const auto source = root / "events";
  write(source, std::string(8 * kMiB, 'e'));
  const int fd = ::open(source.c_str(), O_WRONLY | O_APPEND);
  REQUIRE(fd >= 0);
  {
    // Without an end: a copy that followed it would never return.
    const Meanwhile grows([fd] { (void)!::write(fd, "more", 4); });
    bool has_grown = false;
    for (int i = 0; i < kTries && !has_grown; ++i) {
      const std::uint64_t before = std::filesystem::file_size(source);
      const auto blob = runlog::stage_file(directory, room, source);
      const std::uint64_t after = std::filesystem::file_size(source);
      REQUIRE(blob);
      CHECK(blob->bytes >= before);
      CHECK(blob->bytes <= after);
      const std::string content = content_of(directory.blobs() / blob->sha256);
      CHECK(content.size() == blob->bytes);
      CHECK(content.starts_with(std::string(8 * kMiB, 'e') + "more"));
      CHECK(*runlog::sha256_of_file(directory.blobs() / blob->sha256) == blob->sha256);
      has_grown = blob->source == Source::grew;
    }
    CHECK(has_grown);
  }
  ::close(fd);
}

TEST_CASE("the record of a growing upload says so, and so does that of one that changes") {
  TemporaryDirectory root;
  auto run = start(root / "runs");
  const auto source = root / "file";
  write(source, std::string(4 * kMiB, 'a'));
  const int fd = ::open(source.c_str(), O_RDWR);
  REQUIRE(fd >= 0);
  std::string expected;
  // The other thread may not get its turn during one call.
  const auto upload_until_marked = [&] {
    for (int i = 0; i < kTries; ++i) {
      REQUIRE(run.upload_file("file", source, 7));
      const auto last = test::read(run.journal_path()).of(Kind::file).back();
      CHECK(last.step == 7);
      if (last.payload == expected) return;
      // The kernel may tell the new time before the new size: then it has changed, and grows next.
      CHECK((!last.payload || last.payload == "changed while it was read"));
    }
    FAIL("never marked");
  };
  SECTION("grows") {
    expected = "grew while it was read";
    off_t size = 4 * kMiB;
    const Meanwhile grows([fd, &size] { (void)!::ftruncate(fd, ++size); });
    upload_until_marked();
  }
  SECTION("changes") {
    expected = "changed while it was read";
    timespec times[2] = {{0, UTIME_OMIT}, {1, 0}};
    const Meanwhile changes([fd, &times] {
      ++times[1].tv_sec;  // a new time of change, whatever the clock's ticks
      (void)::futimens(fd, times);
    });
    upload_until_marked();
  }
  ::close(fd);
}

TEST_CASE("an upload of a file that shrinks meanwhile ends, and is some part of it") {
  TemporaryDirectory root;
  const auto directory = make_journal(root);
  runlog::DiskRoom room(directory, UINT64_MAX);
  const auto source = root / "file";
  write(source, std::string(4 * kMiB, 'a'));
  const Meanwhile shrinks([&source] {
    (void)!::truncate(source.c_str(), kMiB);
    (void)!::truncate(source.c_str(), 4 * kMiB);
  });
  for (int i = 0; i < 20; ++i) {
    const auto blob = runlog::stage_file(directory, room, source);
    REQUIRE(blob);
    CHECK(blob->bytes <= 4 * kMiB);
    CHECK(*runlog::sha256_of_file(directory.blobs() / blob->sha256) == blob->sha256);
  }
}

TEST_CASE("holes stay holes, and the name is the digest of all that is read") {
  TemporaryDirectory root;
  const auto directory = make_journal(root);
  runlog::DiskRoom room(directory, UINT64_MAX);
  const auto source = root / "sparse";
  const int fd = ::open(source.c_str(), O_RDWR | O_CREAT, 0600);
  REQUIRE(fd >= 0);
  std::uint64_t end = 0;
  SECTION("between data, and at the end") {
    REQUIRE(::pwrite(fd, "begin", 5, 0) == 5);
    REQUIRE(::pwrite(fd, "middle", 6, 40 * kMiB + 123) == 6);
    end = 100 * kMiB + 7;
  }
  SECTION("at the beginning") {
    REQUIRE(::pwrite(fd, "end", 3, 64 * kMiB) == 3);
    end = 64 * kMiB + 3;
  }
  SECTION("nothing else") {
    end = 50 * kMiB;
  }
  REQUIRE(::ftruncate(fd, static_cast<off_t>(end)) == 0);
  ::close(fd);
  const auto blob = runlog::stage_file(directory, room, source);
  REQUIRE(blob);
  CHECK(blob->source == Source::still);
  CHECK(blob->bytes == end);
  const auto copy = directory.blobs() / blob->sha256;
  CHECK(std::filesystem::file_size(copy) == end);
  CHECK(disk_bytes(copy) <= kMiB);
  CHECK(*runlog::sha256_of_file(source) == blob->sha256);
  CHECK(*runlog::sha256_of_file(copy) == blob->sha256);
}

TEST_CASE("want of room is known before the first byte, and leaves nothing behind") {
  TemporaryDirectory root;
  test::SmallDisk disk(root / "disk", "24m");
  if (!disk.is_mounted()) {
    test::tell_unmounted("a tmpfs");
    return;
  }
  auto run = start(disk.path() / "runs", {.segment_bytes = 64u << 10, .disk_budget = 1u << 20});
  const auto blobs = run.journal_path() / "blobs";
  write(root / "large", std::string(32 * kMiB, 'l'));
  const auto refused = run.upload_file("large", root / "large");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::no_space);
  CHECK(contains(refused.error().message, (root / "large").native()));
  CHECK(contains(refused.error().message, std::to_string(32 * kMiB) + " bytes"));
  CHECK(contains(refused.error().message, " are free at " + blobs.native()));
  CHECK(files_in(blobs) == 0);
  // A file with holes takes what its data take.
  write(root / "sparse", "data");
  std::filesystem::resize_file(root / "sparse", 256 * kMiB);
  REQUIRE(run.upload_file("sparse", root / "sparse"));
  CHECK(run.upload_file("small", root / "sparse"));
  // In a folder, what fits is staged.
  std::filesystem::create_directories(root / "folder");
  std::filesystem::rename(root / "large", root / "folder/large");
  write(root / "folder/small", "s");
  const auto folder = run.upload_folder("folder", root / "folder");
  REQUIRE_FALSE(folder);
  CHECK(folder.error().code == Errc::no_space);
  CHECK(contains(folder.error().message, "staged 1 of 2 files below"));
  run.complete();
  CHECK(names(test::read(run.journal_path()).of(Kind::file)) ==
        std::vector<std::string>{"sparse", "small", "folder/small"});
}

TEST_CASE("an upload beyond the limit of the size of files fails, and no signal ends the job") {
  TemporaryDirectory root;
  const auto directory = make_journal(root);
  runlog::DiskRoom room(directory, UINT64_MAX);
  write(root / "large", std::string(4 * kMiB, 'l'));
  write(root / "sparse", "");
  std::filesystem::resize_file(root / "sparse", 4 * kMiB);
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const rlimit tight = {kMiB, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &tight) == 0);
  const auto large = runlog::stage_file(directory, room, root / "large");
  const auto sparse = runlog::stage_file(directory, room, root / "sparse");
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  REQUIRE_FALSE(large);
  CHECK(large.error().code == Errc::no_space);
  REQUIRE_FALSE(sparse);
  CHECK(sparse.error().code == Errc::no_space);
  CHECK(files_in(directory.blobs()) == 0);
}

TEST_CASE("what is not a file with an end is refused with its kind, and nothing waits") {
  TemporaryDirectory root;
  auto run = start(root / "runs");
  REQUIRE(::mkfifo((root / "fifo").c_str(), 0600) == 0);
  const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
  const std::string name = root / "socket";
  REQUIRE(name.size() < sizeof address.sun_path);
  std::memcpy(address.sun_path, name.c_str(), name.size());
  REQUIRE(::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  std::filesystem::create_symlink(root / "absent", root / "dangling");
  for (const auto& [path, said] :
       {std::pair<std::filesystem::path, std::string>{root / "fifo", "is a FIFO"},
        {root / "socket", "is a socket"},
        {"/dev/zero", "is a device"},
        {root.path(), "is a directory"},
        {"/proc/self/status", "has content but no size"},
        {"/proc/self/mem", "has no size and is not read from its beginning (Input/output error)"},
        {root / "dangling", "No such file"},
        {root / "fifo/below", "Not a directory"},
        {"", "No such file"}}) {
    const auto refused = run.upload_file("x", path);
    INFO(path);
    REQUIRE_FALSE(refused);
    CHECK(contains(refused.error().message, path.native()));
    CHECK(contains(refused.error().message, said));
    if (std::filesystem::exists(path)) CHECK(refused.error().code == Errc::invalid_argument);
  }
  ::close(socket);
  CHECK(files_in(run.journal_path() / "blobs") == 0);
  CHECK(run.stats().dropped == 0);
}

TEST_CASE("an empty file is an artifact like any other") {
  TemporaryDirectory root;
  auto run = start(root / "runs", {.store = root / "store"});
  write(root / "empty", "");
  REQUIRE(run.upload_file("empty", root / "empty"));
  run.complete();
  const auto rows = test::read(root / "store").of(Kind::file);
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].int_value == 0);
  CHECK_FALSE(rows[0].payload);
  const auto checks = runlog::check_blobs(root / "store");
  REQUIRE(checks);
  CHECK(checks->size() == 1);
}

TEST_CASE("one content uploaded by many threads at once is one blob and all the records") {
  TemporaryDirectory root;
  auto run = start(root / "runs");
  write(root / "same", std::string(3 * kMiB, 's'));
  std::atomic<int> done = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&, i] {
        if (run.upload_file("same/" + std::to_string(i), root / "same")) ++done;
      });
    }
  }
  CHECK(done == 8);
  CHECK(files_in(run.journal_path() / "blobs") == 1);
  CHECK(test::read(run.journal_path()).of(Kind::file).size() == 8);
}

TEST_CASE("a file that may not be read is named, and the others of its folder are staged") {
  TemporaryDirectory root;
  auto run = start(root / "runs");
  const auto folder = root / "folder";
  for (int i = 0; i < 97; ++i)
    write(folder / ("file" + std::to_string(100 + i)), std::to_string(i));
  write(folder / "closed", "secret");
  write(folder / "closed_directory/inside", "secret");
  std::filesystem::permissions(folder / "closed", std::filesystem::perms::none);
  std::filesystem::permissions(folder / "closed_directory", std::filesystem::perms::none);
  without_root([&] {
    const auto alone = run.upload_file("closed", folder / "closed");
    CHECK_FALSE(alone);
    if (!alone) CHECK(contains(alone.error().message, (folder / "closed").native()));
    const auto all = run.upload_folder("all", folder);
    CHECK_FALSE(all);
    if (all) return;
    CHECK(contains(all.error().message, "staged 97 of 99 files below " + folder.native()));
    CHECK(contains(all.error().message, "2 unreadable"));
    CHECK(contains(all.error().message, (folder / "closed").native() + ": Permission denied"));
    CHECK(contains(all.error().message, (folder / "closed_directory").native()));
  });
  std::filesystem::permissions(folder / "closed_directory", std::filesystem::perms::owner_all);
  const auto contents = test::read(run.journal_path());
  const auto staged = names(contents.of(Kind::file));
  REQUIRE(staged.size() == 97);
  CHECK(staged.front() == "all/file100");
  CHECK(std::is_sorted(staged.begin(), staged.end()));
  // And the data tell it, too.
  const auto told = contents.of(Kind::text);
  REQUIRE(told.size() == 1);
  CHECK(told[0].name == "warning");
  CHECK(contains(*told[0].text, "staged 97 of 99"));
}

TEST_CASE(
    "links and special files below a folder are counted, and a folder of links is no success") {
  TemporaryDirectory root;
  auto run = start(root / "runs");
  const auto folder = root / "folder";
  write(folder / "file", "1234");
  write(folder / "sub/file", "56");
  write(root / "elsewhere/file", "outside");
  std::filesystem::create_symlink(folder / "file", folder / "link");
  std::filesystem::create_directory_symlink(root / "elsewhere", folder / "out");
  std::filesystem::create_directory_symlink(folder, folder / "sub/loop");
  std::filesystem::create_symlink(root / "absent", folder / "dangling");
  REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
  const auto report = run.upload_folder("all", folder);
  REQUIRE(report);
  CHECK(report->staged == 2);
  CHECK(report->bytes == 6);
  CHECK(report->skipped_links == 4);
  CHECK(report->skipped_special == 1);
  CHECK(report->skipped_journals == 0);

  std::filesystem::create_directories(root / "links");
  for (const char* name : {"a", "b", "c"}) {
    std::filesystem::create_symlink(folder / "file", root / "links" / name);
  }
  const auto nothing = run.upload_folder("links", root / "links");
  REQUIRE_FALSE(nothing);
  CHECK(nothing.error().code == Errc::invalid_argument);
  CHECK(contains(nothing.error().message, "3 symbolic links"));

  std::filesystem::create_directories(root / "empty");
  const auto empty = run.upload_folder("empty", root / "empty");
  REQUIRE(empty);
  CHECK(empty->staged == 0);

  // The folder itself may be a link.
  std::filesystem::create_directory_symlink(root / "elsewhere", root / "way");
  REQUIRE(run.upload_folder("way", root / "way"));

  const auto contents = test::read(run.journal_path());
  CHECK(names(contents.of(Kind::file)) ==
        std::vector<std::string>{"all/file", "all/sub/file", "way/file"});
  const auto told = contents.of(Kind::text);
  REQUIRE(told.size() == 2);
  CHECK(told[0].text ==
        "upload_folder " + folder.native() + "; skipped: 4 symbolic links, 1 special file");
  CHECK_FALSE(run.upload_folder("none", root / "absent"));
}

TEST_CASE("upload_folder of a file says what takes files") {
  TemporaryDirectory root;
  auto run = start(root / "runs");
  write(root / "file", "x");
  const auto refused = run.upload_folder("none", root / "file");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::invalid_argument);
  CHECK(refused.error().message ==
        (root / "file").native() + " is not a directory; upload_file takes a file");
}

TEST_CASE("a folder with the root in it is staged without the journals, which stay as they are") {
  TemporaryDirectory root;
  auto other = start(root / "code/runs", {.run_id = "other"});
  { auto ended = start(root / "code/runs", {.run_id = "ended"}); }
  auto run = start(root / "code/runs", {.run_id = "mine", .store = root / "code/store"});
  run.log("loss", 1, 1);
  write(root / "code/train.py", "print()");
  write(root / "code/runs/notes.txt", "mine, too");
  run.flush();
  REQUIRE(run.wait_until(runlog::Shipped, 30s) == runlog::Wait::Done);
  const auto report = run.upload_folder("code", root / "code");
  REQUIRE(report);
  CHECK(report->staged == 2);
  CHECK(report->skipped_journals == 4);  // three, and the run in the store
  CHECK_FALSE(run.upload_folder("journal", run.journal_path()));
  for (int i = 0; i < 100; ++i) run.log("loss", i, i);
  CHECK(names(test::read(run.journal_path()).of(Kind::file)) ==
        std::vector<std::string>{"code/runs/notes.txt", "code/train.py"});
  CHECK(runlog::list_journals(run.journal_path())->at(0).state == runlog::JournalState::live);
  CHECK(run.stats().dropped == 0);
}

TEST_CASE("a deep and wide folder is staged whole, in one order, whatever its names are") {
  TemporaryDirectory root;
  auto run = start(root / "runs");
  const auto folder = root / "folder";
  auto deep = folder;
  for (int i = 0; i < 300; ++i) deep /= "d";
  write(deep / "bottom", "deep");
  for (int i = 0; i < 200; ++i) write(folder / ("w" + std::to_string(1000 + i)), "same");
  write(folder / "bad\xFF", "one");
  write(folder / "bad\xFE", "two");
  const auto first = run.upload_folder("x", folder);
  REQUIRE(first);
  CHECK(first->staged == 203);
  const auto once = names(test::read(run.journal_path()).of(Kind::file));
  CHECK(std::set<std::string>(once.begin(), once.end()).size() == 203);
  REQUIRE(run.upload_folder("x", folder));
  const auto twice = names(test::read(run.journal_path()).of(Kind::file));
  REQUIRE(twice.size() == 406);
  CHECK(std::equal(once.begin(), once.end(), twice.begin() + 203));
}

TEST_CASE("files that come and go under upload_folder do not keep the others out") {
  TemporaryDirectory root;
  auto run = start(root / "runs");
  const auto folder = root / "folder";
  for (int i = 0; i < 50; ++i) write(folder / ("stays" + std::to_string(i)), std::to_string(i));
  const Meanwhile comes_and_goes([&folder] {
    for (const char* name : {"a", "b", "c"}) {
      const int fd = ::open((folder / name).c_str(), O_WRONLY | O_CREAT, 0600);
      ::close(fd);
    }
    for (const char* name : {"a", "b", "c"}) (void)::unlink((folder / name).c_str());
  });
  for (int i = 0; i < 5; ++i) {
    const auto report = run.upload_folder(std::to_string(i), folder);
    if (!report) CHECK(contains(report.error().message, "vanished"));
  }
  std::size_t stayed = 0;
  for (const auto& name : names(test::read(run.journal_path()).of(Kind::file))) {
    if (contains(name, "/stays")) ++stayed;
  }
  CHECK(stayed == 250);
}

TEST_CASE("uploads after the end are refused") {
  TemporaryDirectory root;
  auto run = start(root / "runs");
  write(root / "folder/file", "1");
  run.complete();
  CHECK(run.upload_file("file", root / "folder/file").error().code == Errc::finished);
  CHECK(run.upload_folder("folder", root / "folder").error().code == Errc::finished);
  CHECK(runlog::Run().upload_folder("folder", root / "folder").error().code == Errc::finished);
}
