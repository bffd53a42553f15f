// Which store a URL means.
#include <algorithm>

#include "base/url.hpp"
#include "store/cloud/cloud_store.hpp"
#include "store/cloud/store_kind.hpp"
#include "store/directory_store.hpp"
#include "store/object_store.hpp"

namespace runlog {

Result<std::filesystem::path> directory_of_store(std::string_view url) {
  constexpr std::string_view kFile = "file://";
  if (url.starts_with(kFile)) {
    const std::string_view path = url.substr(kFile.size());
    if (!path.starts_with('/')) {
      return Error{Errc::invalid_argument, 0,
                   "store " + without_secrets(url) + ": file URLs are file:///absolute/path"};
    }
    return std::filesystem::path(path);
  }
  if (is_remote_store(url)) {
    return Error{
        Errc::unsupported, 0,
        "store " + without_secrets(url) + " is not a directory; use a path or file:///path"};
  }
  if (url.empty()) return Error{Errc::invalid_argument, 0, "the store URL is empty"};
  std::error_code failed;
  auto absolute = std::filesystem::absolute(std::filesystem::path(url), failed);
  if (failed) return os_error(failed.value(), "cannot resolve", url);
  return absolute;
}

bool is_remote_store(std::string_view url) noexcept {
  if (url.find("://") != std::string_view::npos) return !url.starts_with("file://");
  // A URL with a slash too few would be a directory with a password in its name.
  const std::string_view scheme = url.substr(0, url.find(':'));
  if (scheme.empty() || scheme.size() == url.size()) return false;
  for (const StoreKind& kind : store_kinds()) {
    const auto& schemes = kind.schemes;
    if (std::find(schemes.begin(), schemes.end(), scheme) != schemes.end()) return true;
  }
  return false;
}

Result<std::unique_ptr<ObjectStore>> open_store(std::string_view url) {
  if (is_remote_store(url)) {
    auto store = CloudStore::open(url);
    if (!store) return std::move(store).error();
    return std::unique_ptr<ObjectStore>(std::move(*store));
  }
  auto directory = directory_of_store(url);
  if (!directory) return std::move(directory).error();
  return open_directory_store(std::move(*directory));
}

}  // namespace runlog
