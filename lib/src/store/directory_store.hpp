// A store in a directory: a mounted bucket, a network share, a disk.
#pragma once

#include <filesystem>
#include <memory>

#include "store/object_store.hpp"

namespace runlog {

[[nodiscard]] std::unique_ptr<ObjectStore> open_directory_store(std::filesystem::path root);

}  // namespace runlog
