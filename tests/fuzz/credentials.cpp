// Any bytes as what credentials are read from: netrc, an INI file, JSON of a helper or an endpoint,
// a connection string, a time. The first byte picks which.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "fuzz/fuzz.hpp"
#include "store/credentials/aws_profile.hpp"
#include "store/credentials/azure_connection.hpp"
#include "store/credentials/credential_text.hpp"
#include "store/credentials/ini_file.hpp"
#include "store/credentials/netrc.hpp"

namespace {

using namespace runlog;

// A file in memory with these bytes.
std::string file_of(std::string_view text) {
  static const int fd = ::memfd_create("text", MFD_CLOEXEC);
  if (fd < 0 || ::ftruncate(fd, 0) != 0) std::abort();
  if (::pwrite(fd, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) std::abort();
  return "/proc/self/fd/" + std::to_string(fd);
}

void read_netrc(std::string_view text) {
  const auto entry = find_in_netrc(text, "host.example");
  if (!entry || !*entry) return;
  if ((*entry)->user.size() > text.size()) std::abort();
  if ((*entry)->password.reveal().size() > text.size()) std::abort();
}

void read_json(std::string_view text) {
  const auto json = read_credential_json(text, "a helper");
  if (!json) return;
  for (const char* const name :
       {"Version", "AccessKeyId", "SecretAccessKey", "Token", "Expiration", "access_token"}) {
    if (json->text(name).size() > 3 * text.size()) std::abort();
    if (const auto time = parse_iso_time(json->text(name))) (void)*time;
  }
}

void read_profile(std::string_view text) {
  const auto is_wanted = [](std::string_view name) { return name.size() % 2 == 0; };
  const auto file = read_ini(file_of(text), is_wanted);
  if (!file) return;
  for (const auto& [name, section] : *file) {
    if (!is_wanted(name)) std::abort();
    for (const auto& [key, value] : section) {
      if (key != to_lower(key) || value.reveal().size() > text.size()) std::abort();
    }
    (void)value_of(section, "s3.endpoint_url");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 6) {
    case 0:
      read_netrc(text);
      break;
    case 1:
      read_json(text);
      break;
    case 2:
      read_profile(text);
      break;
    case 3:
      (void)parse_azure_connection(text, "AZURE_STORAGE_CONNECTION_STRING");
      break;
    case 4:
      (void)parse_iso_time(text);
      (void)clean_code(text);
      break;
    default:
      (void)read_token_file(file_of(text), "TOKEN_FILE");
      (void)read_optional_file(file_of(text));
  }
  return 0;
}
