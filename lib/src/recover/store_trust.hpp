// Store trust: where a found journal may ship to. What its meta.json says is believed only where
// this user has written it: the secrets that the store is asked with are this user's.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runlog/recover.hpp"
#include "runlog/result.hpp"

namespace runlog {

/// A URL without secrets; a directory by its absolute path, as the next recovery may be called from
/// another one; no '/' at the end.
[[nodiscard]] std::string normal_url(std::string_view url);

/// What of `stores` allows `url`, with its secrets and the path of `url`: the same store with the
/// same parameters, or, where it is no directory, a place below it.
[[nodiscard]] std::optional<std::string> listed_store(std::string_view url,
                                                      const std::vector<std::string>& stores);

/// Where `journal`, which names the store `found`, ships to; empty: nowhere, for it names none.
/// Errors: that store is not to be believed, and what to do.
[[nodiscard]] Result<std::string> store_for(const std::filesystem::path& journal,
                                            const std::string& found,
                                            const RecoverOptions& options);

}  // namespace runlog
