// WebDAV and plain HTTP servers that take PUT. They keep no metadata, many ignore If-None-Match,
// and many write in place: CloudStore looks before it writes, moves what has arrived to its name,
// and compares by reading back.
#include <algorithm>

#include "base/bytes.hpp"
#include "store/cloud/dialect.hpp"
#include "store/cloud/store_kind.hpp"
#include "store/credentials/credentials.hpp"
#include "store/http/xml.hpp"

namespace runlog {
namespace {

constexpr std::string_view kPropfind =
    "<?xml version=\"1.0\" encoding=\"utf-8\"?><propfind xmlns=\"DAV:\"><prop>"
    "<resourcetype/><getcontentlength/></prop></propfind>";

class DavDialect final : public Dialect {
 public:
  DavDialect(const StoreUrl& url, std::unique_ptr<CredentialSource<HttpCredentials>> credentials)
      : url_(url), credentials_(std::move(credentials)) {}

  [[nodiscard]] CloudCall put(const std::string& name, const PutContent& content,
                              bool creates) const override {
    CloudCall call{.method = "PUT", .name = name, .content = &content, .creates = creates};
    call.headers = {{"content-type", "application/octet-stream"}};
    if (creates) call.headers.emplace_back("if-none-match", "*");
    return call;
  }

  // The target as a path: a whole URL has a scheme and a host that are others behind a proxy, and
  // servers then answer that they cannot move to another machine.
  [[nodiscard]] CloudCall move(const std::string& source, const std::string& target,
                               bool replaces) const override {
    CloudCall call{.method = "MOVE", .name = source, .creates = !replaces};
    const std::string whole = url_.endpoint + "/" + encoded_key(url_.prefix, target);
    call.headers = {{"destination", whole.substr(whole.find('/', whole.find("://") + 3))},
                    {"overwrite", replaces ? "T" : "F"}};
    return call;
  }

  [[nodiscard]] CloudCall list(const std::string& prefix, bool /*whole_tree*/,
                               const std::string& /*marker*/) const override {
    CloudCall call{.method = "PROPFIND", .name = prefix};
    call.headers = {{"depth", "1"}, {"content-type", "application/xml; charset=utf-8"}};
    call.body = kPropfind;
    return call;
  }

  [[nodiscard]] Result<ListPage> read_list(const HttpResponse& answer,
                                           const std::string& prefix) const override {
    ListPage page;
    std::string href;
    ObjectInfo current;
    bool is_listing = false;
    auto sound = read_xml(answer.body, [&](const XmlPath& path, const std::string& text) {
      const std::string_view name = path.back();
      if (path.size() == 1) is_listing = name == "multistatus";
      if (name == "href" && path.size() == 3) href = text;
      if (name == "getcontentlength") current.bytes = std::strtoull(text.c_str(), nullptr, 10);
      if (name == "collection") current.is_prefix = true;
      if (name == "response") {
        if (auto child = child_name(href, prefix)) {
          current.name = prefix + *child + (current.is_prefix ? "/" : "");
          if (current.is_prefix) current.bytes = 0;
          page.entries.push_back(current);
        }
        current = {};
        href.clear();
      }
    });
    if (!sound) return std::move(sound).error();
    if (!is_listing) return Error{Errc::unsupported, 0, "the server cannot list (no WebDAV there)"};
    return page;
  }

  [[nodiscard]] Result<HttpRequest> prepare(const CloudCall& call, WallTime /*now*/,
                                            bool refused) override {
    auto credentials = credentials_->get(refused);
    if (!credentials) return std::move(credentials).error();
    from_ = credentials->from;
    HttpRequest request;
    request.method = call.method;
    request.url = url_.endpoint + "/" + encoded_key(url_.prefix, call.name);
    // Collections have a '/' at the end; nginx insists.
    const bool is_folder = call.method == "MKCOL" || call.method == "PROPFIND";
    if (is_folder && !request.url.ends_with('/')) request.url += '/';
    request.headers = call.headers;
    (void)set_body(call, request);
    const bool has_bearer = !credentials->bearer.empty();
    if (!has_bearer && credentials->user.empty()) return request;
    if (!may_carry_secrets(request.url)) {
      return not_in_the_clear(url_, has_bearer ? "the bearer token" : "the password");
    }
    if (has_bearer) {
      request.headers.emplace_back("authorization", "Bearer " + credentials->bearer.reveal());
    } else {
      std::string pair = credentials->user + ":" + credentials->password.reveal();
      request.headers.emplace_back(
          "authorization",
          "Basic " + base64({reinterpret_cast<const std::uint8_t*>(pair.data()), pair.size()}));
      wipe(pair);
    }
    return request;
  }

  [[nodiscard]] Result<std::string> find_credentials() override {
    auto credentials = credentials_->get(false);
    if (!credentials) return std::move(credentials).error();
    if (credentials->from.empty()) return std::string("none; requests go without");
    return credentials_text(credentials->from);
  }

  [[nodiscard]] Reading read(const CloudCall& call, const HttpResponse& answer) const override {
    Reading reading{.meaning = meaning_of_status(call, answer.status)};
    if (answer.status == 207 && call.method == "PROPFIND") reading.meaning = Meaning::done;
    if (answer.status == 409 && (call.method == "PUT" || call.method == "MKCOL")) {
      reading.meaning = Meaning::no_parent;
    }
    // Some servers answer so where a collection above is missing, not only where there is none.
    if (answer.status == 404 && call.method == "PUT") reading.meaning = Meaning::no_parent;
    if (answer.status == 423) reading.meaning = Meaning::again;  // locked by somebody
    if (answer.status == 207 && call.method == "MOVE")
      reading.meaning = Meaning::done;  // or not: look
    // There is a way without, so every refusal of a MOVE is taken for a server that has none.
    if (call.method == "MOVE" &&
        (answer.status == 501 || answer.status == 409 || reading.meaning == Meaning::refused)) {
      reading.meaning = Meaning::unsupported;
    }
    if (reading.meaning == Meaning::done) return reading;
    const std::string keys = from_.empty() ? "" : " (" + from_ + ")";
    if (answer.status == 401) {
      reading.remedy =
          from_.empty()
              ? "give credentials: ~/.netrc, RUNLOG_HTTP_USER and RUNLOG_HTTP_PASSWORD, or "
                "RUNLOG_HTTP_BEARER"
              : "the credentials" + keys + " are not accepted; give the right ones";
    } else if (answer.status == 403) {
      reading.remedy = "allow " + call.method + " there" + keys;
    } else if (answer.status == 405 || answer.status == 501) {
      reading.remedy = "the server does not allow " + call.method +
                       " there; correct the URL or "
                       "its configuration";
    } else if (answer.status >= 300 && answer.status < 400) {
      reading.remedy = redirect_remedy(call, answer);
    } else if (answer.status == 404 || answer.status == 409) {
      reading.remedy = "create the folder in the URL, or correct the URL";
    } else if (answer.status == 413) {
      reading.remedy = "raise the server's limit for uploads";
    } else if (answer.status == 507) {
      reading.remedy = "make room there, or raise the quota";
    }
    return reading;
  }

  [[nodiscard]] std::string digest_of(const HttpResponse& /*head*/) const override { return {}; }

  // A login page answers 200 to a PUT as well.
  [[nodiscard]] Proof proof_of(const PutContent& /*content*/,
                               const HttpResponse& /*answer*/) const override {
    return Proof::unsure;
  }

  bool follow(const HttpResponse& /*answer*/) override { return false; }

  [[nodiscard]] Traits traits() const override {
    return {.creates_atomically = false,
            .has_folders = true,
            .moves = true,
            .list_bytes_max = kList_folder_bytes_max};
  }

 private:
  [[nodiscard]] std::string redirect_remedy(const CloudCall& call,
                                            const HttpResponse& answer) const {
    std::string target = redirect_target(answer);
    if (target.empty()) return "redirects are not followed; give the URL it ends at";
    // What stands in the store's URL ends before the object's name.
    const std::string tail = "/" + encoded_key("", call.name);
    if (target.ends_with(tail)) target.resize(target.size() - tail.size());
    return "redirects are not followed; the store is at " + target + ": give this URL";
  }

  // The one name of `href` below `prefix`; nothing for the folder itself and for what is elsewhere.
  [[nodiscard]] std::optional<std::string> child_name(std::string_view href,
                                                      const std::string& prefix) const {
    if (const std::size_t scheme = href.find("://"); scheme != std::string_view::npos) {
      const std::size_t path = href.find('/', scheme + 3);
      href = path == std::string_view::npos ? std::string_view("/") : href.substr(path);
    }
    auto decoded = percent_decode(href);
    if (!decoded) return {};
    std::string folder = "/" + url_.prefix + (url_.prefix.empty() ? "" : "/") + prefix;
    std::string_view rest = *decoded;
    if (!rest.starts_with(folder)) return {};
    rest.remove_prefix(folder.size());
    while (rest.ends_with('/')) rest.remove_suffix(1);
    if (rest.empty() || rest == "." || rest == ".." || rest.find('/') != std::string_view::npos) {
      return {};
    }
    return std::string(rest);
  }

  const StoreUrl url_;
  const std::unique_ptr<CredentialSource<HttpCredentials>> credentials_;
  std::string from_;  // where the last credentials came from
};

}  // namespace

Result<StoreUrl> parse_dav_url(StoreUrl store, const UrlParts& url) {
  if (auto checked = check_server(url); !checked) return checked.error();
  if (!url.query.empty()) return refuse_url(url, "such URLs have no parameters");
  store.endpoint = (is_https(url) ? "https://" : "http://") + std::string(url.authority);
  if (auto set = set_prefix(store, url, url.path, true); !set) return set.error();
  return store;
}

Result<std::unique_ptr<Dialect>> make_dav_dialect(const StoreUrl& url, HttpClient& /*client*/) {
  std::string host = split_endpoint(url.endpoint).host;
  if (const std::size_t colon = host.rfind(':');
      colon != std::string::npos && host.find(']', colon) == std::string::npos) {
    host.erase(colon);
  }
  return std::unique_ptr<Dialect>(std::make_unique<DavDialect>(url, http_credentials(host)));
}

}  // namespace runlog
