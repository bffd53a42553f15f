// A libcurl.so.4 that is not what a store over HTTP needs, for tests of what is said then:
// FAKE_CURL=old is an old version, FAKE_CURL=plain has no TLS, FAKE_CURL=silent tells no version,
// FAKE_CURL=nothing nothing at all, else only functions are missing.
// Built without curl's headers: a program that is linked against another one meets it like this.
#include <cstdlib>
#include <cstring>

namespace {

// The beginning of curl_version_info_data, which never changes.
struct Version {
  int age;
  const char* version;
  unsigned version_num;
  const char* host;
  int features;
};
constexpr int kSsl = 1 << 2;

}  // namespace

extern "C" [[gnu::visibility("default")]] const Version* curl_version_info(int) {
  static Version version = {0, "8.9.1", 0x080901, "nowhere", kSsl};
  const char* const kind = std::getenv("FAKE_CURL");
  if (kind != nullptr && std::strcmp(kind, "old") == 0) {
    version.version = "7.64.0";
    version.version_num = 0x074000;
  }
  if (kind != nullptr && std::strcmp(kind, "plain") == 0) version.features = 0;
  if (kind != nullptr && std::strcmp(kind, "silent") == 0) version.version = nullptr;
  if (kind != nullptr && std::strcmp(kind, "nothing") == 0) return nullptr;
  return &version;
}
