// Any bytes as meta.json, as end.json, as moved.json, as an error file of torchelastic and as what
// a helper says of credentials. What is read must survive being written: a reader of what we wrote
// gets the same again.
#include <cstdlib>
#include <string_view>

#include "base/json_read.hpp"
#include "base/url.hpp"
#include "fuzz/fuzz.hpp"
#include "journal/meta.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace runlog;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto meta = parse_meta(text, "meta.json")) {
    const std::string once = to_json(*meta);
    const auto again = parse_meta(once, "meta.json");
    if (again && to_json(*again) != once) std::abort();
    (void)without_secrets(meta->store_url);
  }
  if (const auto end = parse_end(text, "end.json")) (void)to_json(*end, Meta{});
  if (const auto moved = parse_moved(text, "moved.json")) {
    const std::string once = to_json(*moved);
    const auto again = parse_moved(once, "moved.json");
    if (!again || to_json(*again) != once) std::abort();
  }
  (void)parse_torchelastic_error(text);
  if (const auto json = JsonText::parse(text, "answer", size)) {
    for (const char* name : {"Version", "AccessKeyId", "SecretAccessKey", "Expiration"}) {
      (void)json->text(name);
      (void)json->text(name, name);
    }
  }
  (void)without_secrets(text);
  return 0;
}
