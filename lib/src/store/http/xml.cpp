#include "store/http/xml.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <limits>
#include <memory>

#include <expat.h>

#include "platform/loaded_library.hpp"

namespace runlog {
namespace {

static_assert(sizeof(XML_Char) == 1);

constexpr const char* kLibrary = "libexpat.so.1";
constexpr const char* kRemedy =
    "; the answers of stores over HTTP are read with it (Debian and Ubuntu: apt install "
    "libexpat1)";

// All of expat that is used. It is loaded with the first answer, for the same reason as libcurl.
struct Expat {
  decltype(&::XML_ParserCreate) create = nullptr;
  decltype(&::XML_ParserFree) free = nullptr;
  decltype(&::XML_SetUserData) set_user_data = nullptr;
  decltype(&::XML_SetElementHandler) set_element_handler = nullptr;
  decltype(&::XML_SetCharacterDataHandler) set_text_handler = nullptr;
  decltype(&::XML_SetStartDoctypeDeclHandler) set_doctype_handler = nullptr;
  decltype(&::XML_Parse) parse = nullptr;
  decltype(&::XML_StopParser) stop = nullptr;

  // The name of a function that `library` lacks; nullptr: it has all.
  const char* take_from(const LoadedLibrary& library) noexcept {
    const char* missing = nullptr;
    const auto find = [&](const char* name, auto& function) {
      function =
          reinterpret_cast<std::remove_reference_t<decltype(function)>>(library.symbol(name));
      if (function == nullptr) missing = name;
    };
    find("XML_ParserCreate", create);
    find("XML_ParserFree", free);
    find("XML_SetUserData", set_user_data);
    find("XML_SetElementHandler", set_element_handler);
    find("XML_SetCharacterDataHandler", set_text_handler);
    find("XML_SetStartDoctypeDeclHandler", set_doctype_handler);
    find("XML_Parse", parse);
    find("XML_StopParser", stop);
    return missing;
  }
};

// Set once and never freed; release: pairs with the acquires in load_expat.
constinit std::atomic<const Expat*> expat = nullptr;

// Tried anew until it works, and never unloaded, as libcurl. Two threads may load it at once; then
// one table is dropped.
Result<const Expat*> load_expat() {
  if (const Expat* const there = expat.load(std::memory_order_acquire)) return there;
  auto library = LoadedLibrary::open(kLibrary);
  if (!library) return Error{Errc::unsupported, 0, library.error().message + kRemedy};
  auto functions = std::make_unique<Expat>();
  if (const char* const missing = functions->take_from(*library)) {
    library->close();
    return Error{Errc::unsupported, 0,
                 std::string("cannot use ") + kLibrary + ": it has no " + missing + kRemedy};
  }
  const Expat* there = nullptr;
  if (!expat.compare_exchange_strong(there, functions.get(), std::memory_order_acq_rel,
                                     std::memory_order_acquire)) {
    return there;
  }
  return functions.release();
}

// One document. expat calls back into it from C, so nothing may be thrown from there.
class Reader {
 public:
  using OnEnd = std::function<void(const XmlPath&, const std::string&)>;
  Reader(const Expat& functions, const OnEnd& on_end)
      : expat_(functions), on_end_(on_end), parser_(functions.create(nullptr), functions.free) {}

  Result<void> run(std::string_view xml) {
    if (parser_ == nullptr) throw std::bad_alloc();
    // Servers that take long send blanks meanwhile, which XML does not allow before a declaration.
    xml.remove_prefix(std::min(xml.find_first_not_of(" \t\r\n"), xml.size()));
    if (xml.size() > std::numeric_limits<int>::max()) return failed("is too large");
    expat_.set_user_data(parser_.get(), this);
    expat_.set_element_handler(
        parser_.get(),
        [](void* self, const XML_Char* name, const XML_Char** /*attributes*/) {
          static_cast<Reader*>(self)->guard(&Reader::open, name);
        },
        [](void* self, const XML_Char* /*name*/) {
          static_cast<Reader*>(self)->guard(&Reader::leave);
        });
    expat_.set_text_handler(parser_.get(), [](void* self, const XML_Char* text, int bytes) {
      static_cast<Reader*>(self)->guard(&Reader::add_text,
                                        std::string_view(text, static_cast<std::size_t>(bytes)));
    });
    // Entities are declared in a document type, and may grow without bound.
    expat_.set_doctype_handler(parser_.get(), [](void* self, auto...) {
      static_cast<Reader*>(self)->stop("has a document type");
    });
    // In one piece: with each further one it would look at an unfinished token from its start.
    const XML_Status status =
        expat_.parse(parser_.get(), xml.data(), static_cast<int>(xml.size()), XML_TRUE);
    if (thrown_) std::rethrow_exception(thrown_);
    if (why_ != nullptr) return failed(why_);
    if (status != XML_STATUS_OK) return failed("is not sound XML");
    return {};
  }

 private:
  static Error failed(const char* why) {
    return Error{Errc::corrupt, 0, std::string("the server's answer ") + why};
  }

  void stop(const char* why) noexcept {
    why_ = why;
    (void)expat_.stop(parser_.get(), XML_FALSE);
  }

  // expat may call once more after it was told to stop.
  template <typename... Arguments>
  void guard(void (Reader::*handler)(Arguments...), Arguments... arguments) noexcept {
    if (why_ != nullptr) return;
    try {
      (this->*handler)(arguments...);
    } catch (...) {
      thrown_ = std::current_exception();
      stop("cannot be read");
    }
  }

  void open(const char* name) {
    if (path_.size() >= kXml_depth_max) return stop("is too deep");
    if (++elements_ > kXml_elements_max) return stop("has too many elements");
    const std::string_view whole = name;
    path_.emplace_back(whole.substr(whole.find(':') + 1));  // npos + 1 is 0
    texts_.emplace_back();
  }

  void add_text(std::string_view text) {
    if (texts_.empty()) return;
    if (texts_.back().size() + text.size() > kXml_text_bytes_max)
      return stop("has too long a text");
    texts_.back() += text;
  }

  void leave() {
    on_end_(path_, texts_.back());
    path_.pop_back();
    texts_.pop_back();
  }

  const Expat& expat_;
  const OnEnd& on_end_;
  const std::unique_ptr<std::remove_pointer_t<XML_Parser>, decltype(&::XML_ParserFree)> parser_;
  XmlPath path_ = {};
  std::vector<std::string> texts_ = {};  // in step with path_
  std::size_t elements_ = 0;
  const char* why_ = nullptr;  // we stopped it
  std::exception_ptr thrown_ = nullptr;
};

}  // namespace

Result<void> read_xml(std::string_view xml,
                      const std::function<void(const XmlPath&, const std::string&)>& on_end) {
  const auto functions = load_expat();
  if (!functions) return functions.error();
  return Reader(**functions, on_end).run(xml);
}

std::string xml_text(std::string_view xml, std::string_view name) {
  std::string found;
  bool is_found = false;
  (void)read_xml(xml, [&](const XmlPath& path, const std::string& text) {
    if (is_found || path.back() != name) return;
    found = text;
    is_found = true;
  });
  return found;
}

}  // namespace runlog
