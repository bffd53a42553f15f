#include "platform/current_exception.hpp"

#include <cxxabi.h>

#include <cstdint>
#include <cstring>
#include <exception>
#include <initializer_list>

#include "platform/memory_probe.hpp"

#if defined(__GLIBCXX__)
extern "C" {
extern const std::uintptr_t table_of_exception[] __asm__("_ZTVSt9exception");
extern const std::uintptr_t table_of_bad_alloc[] __asm__("_ZTVSt9bad_alloc");
extern const std::uintptr_t table_of_runtime_error[] __asm__("_ZTVSt13runtime_error");
extern const std::uintptr_t table_of_logic_error[] __asm__("_ZTVSt11logic_error");
}
#endif

namespace runlog {
namespace {

// What a broken what() returns is not believed; see copy_text.
const char* text_by_throwing() noexcept {
  try {
    throw;
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return nullptr;
  }
}

#if defined(__GLIBCXX__)
// In the Itanium ABI an object begins with the address of its class's functions, behind two words
// of the class's table. std::exception's are two destructors and what().
constexpr std::size_t kTable_head = 2;
constexpr std::size_t kWhat = 2;

bool has_what_of_library(const std::exception& error) noexcept {
  const std::uintptr_t* functions = nullptr;
  std::memcpy(&functions, static_cast<const void*>(&error), sizeof functions);
  for (const std::uintptr_t* table :
       {table_of_exception, table_of_bad_alloc, table_of_runtime_error, table_of_logic_error}) {
    if (functions[kWhat] == table[kTable_head + kWhat]) return true;
  }
  return false;
}

const std::exception* current_object(const std::type_info& type) noexcept {
  const std::exception_ptr current = std::current_exception();
  static_assert(sizeof current == sizeof(void*));
  void* object = nullptr;
  std::memcpy(&object, static_cast<const void*>(&current), sizeof object);
  if (object == nullptr || !typeid(std::exception).__do_catch(&type, &object, 1)) return nullptr;
  return static_cast<const std::exception*>(object);
}
#endif

}  // namespace

CurrentException look_at_exception() noexcept {
  CurrentException current;
  current.type = abi::__cxa_current_exception_type();
  if (current.type != nullptr) current.what = text_by_throwing();
  return current;
}

CurrentException look_at_exception_in_handler() noexcept {
  CurrentException current;
  current.type = abi::__cxa_current_exception_type();
#if defined(__GLIBCXX__)
  if (current.type != nullptr) {
    const std::exception* const error = current_object(*current.type);
    if (error != nullptr && has_what_of_library(*error)) current.what = error->what();
  }
#endif
  return current;
}

std::size_t copy_text(char* target, const char* text, std::size_t bytes_max) noexcept {
  std::size_t bytes = 0;
  if (text == nullptr) return 0;
  for (; bytes < bytes_max; ++bytes) {
    // Asked for each page once: a text may end just before one that is not there.
    const bool is_new_page =
        bytes == 0 || reinterpret_cast<std::uintptr_t>(text + bytes) % 4096 == 0;
    if (is_new_page && !is_readable(text + bytes, 1)) break;
    if (text[bytes] == '\0') break;
    target[bytes] = text[bytes];
  }
  return bytes;
}

}  // namespace runlog
