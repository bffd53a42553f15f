// Promise: what is written down of a command line, or shown of a URL, holds no secret that its
// place tells.
#include "base/command_line.hpp"

#include <string>
#include <vector>

#include "base/url.hpp"
#include "support/catch.hpp"

using namespace runlog;

namespace {

std::string shown(const std::vector<std::string>& arguments) {
  std::string joined;
  for (const std::string& argument : arguments) joined += argument + '\0';
  return shown_command_line(joined);
}

}  // namespace

TEST_CASE("arguments without secrets stay as they are") {
  CHECK(shown({"python", "train.py", "--lr", "3e-4", "--x={\"a\":[1]}", "a  b", ""}) ==
        "python train.py --lr 3e-4 --x={\"a\":[1]} a  b ");
  CHECK(shown({"t", "--tokenizer", "gpt2", "--max-tokens=512", "--key-size", "64", "--author", "me",
               "--sigma", "2"}) ==
        "t --tokenizer gpt2 --max-tokens=512 --key-size 64 --author me --sigma 2");
  CHECK(shown({"t", "--store", "s3://bucket/p?region=eu&endpoint=https://h:9000", "host:80",
               "/data/@scope/x", "user@host:/path", "https://h:80/@x/y"}) ==
        "t --store s3://bucket/p?region=eu&endpoint=https://h:9000 host:80 /data/@scope/x "
        "user@host:/path https://h:80/@x/y");
  CHECK(shown({}).empty());
}

TEST_CASE("values of options and variables whose names tell a secret are not written down") {
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {"t", "--password=SECRET"},
           {"t", "--token", "SECRET"},
           {"t", "--token", "-SECRET"},
           {"t", "--api-key", "SECRET", "--lr", "1"},
           {"t", "--apiKey=SECRET"},
           {"t", "--hub_token=SECRET"},
           {"t", "-password", "a SECRET"},
           {"t", "--jwt", "SECRET"},
           {"t", "--otp=SECRET"},
           {"t", "--db-passwd=a SECRET b"},
           {"t", "wandb.api_key=SECRET"},
           {"env", "AWS_SECRET_ACCESS_KEY=SECRET", "AWS_ACCESS_KEY_ID=SECRET", "t"},
           {"env", "HF_TOKEN=SECRET", "MYSQL_PWD=SECRET", "KEY2=SECRET"},
           {"sh", "-c", "API_KEY=SECRET t --token SECRET --lr 1"},
           {"sh", "-c", "t --lr 1 PASSWORD='SECRET' && u"},
           {"curl", "-H", "Authorization: Bearer SECRET"},
           {"sh", "-c", "curl -H 'Authorization: Bearer SECRET' h"},
           {"t", "--config", R"({"lr":1,"api_key":"SECRET"})"},
           {"t", "--config", R"({"lr": 1, "password": "SECRET", "x": 2})"},
           {"python", "-c", "import os; os.environ['HF_TOKEN'] = 'SECRET'"},
           {"sh", "-c", "t password := SECRET"},
           {"sh", "-c", "t --password=\"a SECRET b\" --lr 1"},
           {"sh", "-c", "t; PASSWORD='a SECRET' u"},
           {"t", "--config", R"({"lr": 1, "password": "a SECRET b", "x": 2})"},
           {"sh", "-c", "t token == \"SECRET\""},
           {"t", "--proxy", "user:SECRET@h:3128"},
           {"t", "--proxy=user:SEC/RET@h:3128"}}) {
    const std::string text = shown(arguments);
    INFO(text);
    CHECK(text.find("SEC") == text.rfind("SECRET_ACCESS_KEY="));
    CHECK(text.find("***") != std::string::npos);
  }
  CHECK(shown({"t", "--token", "SECRET", "--lr", "1"}) == "t --token *** --lr 1");
  CHECK(shown({"t", "--api-key=SECRET", "--lr=1"}) == "t --api-key=*** --lr=1");
  CHECK(shown({"sh", "-c", "t --token=\"a b\" --lr 1"}) == "sh -c t --token=*** --lr 1");
  CHECK(shown({"t", "--token", "--lr", "1"}) == "t --token --lr 1");
}

TEST_CASE("URLs in arguments are written down without their secrets") {
  for (const std::string url :
       {"https://a.blob.core.windows.net/c/p?sv=1&sig=SECRET", "http://u:SECRET@h/p",
        "http://u:SEC/RET@h", "http://u:SEC RET@h", "s3:/u:SECRET@b", "s3:u:SECRET@b",
        "s3:///u:SECRET@b", "s3:/u:SECRET@b?endpoint=https://h", "s3:u:SECRET@b?endpoint=https://h",
        "git+https://SECRET@h/p", "s3://b/p?x=s3://u:SECRET@b", "https://h/p#token=SECRET",
        "http://h/a,b=http://u:SECRET@h"}) {
    for (const std::string before : {"", "--store=", "RUNLOG_STORE=", "x('"}) {
      const std::string text = shown({"t", before + url});
      INFO(text);
      CHECK(text.find("SEC") == std::string::npos);
      CHECK(text.find("RET") == std::string::npos);
    }
  }
  CHECK(shown({"sh", "-c", "t --store https://h/p?sig=SECRET --lr 1"}) ==
        "sh -c t --store https://h/p --lr 1");
}

TEST_CASE("URLs with slashes too few or too many are shown without their secrets") {
  CHECK(without_secrets("s3:/u:p@b") == "s3:/b");
  CHECK(without_secrets("s3:u:p@b") == "s3:b");
  CHECK(without_secrets("s3:///u:p@b/x") == "s3:///b/x");
  CHECK(without_secrets("https:/h/p?sig=s") == "https:/h/p");
  CHECK(without_secrets("http://u:p/w@h") == "http://h");
  CHECK(without_secrets("http://me@corp.example:pa/ss@proxy") == "http://proxy");
  CHECK(without_secrets("http://me@corp.example:80/ss@proxy") == "http://corp.example:80/ss@proxy");
  CHECK(without_secrets("http://u:p@[::1]:80/x@y") == "http://[::1]:80/x@y");
  CHECK(without_secrets("http://[::1]:80/x@y") == "http://[::1]:80/x@y");
  CHECK(without_secrets("http://u:p@h:80") == "http://h:80");
  CHECK(without_secrets("https://h/p#sig=s") == "https://h/p");
  CHECK(without_secrets("file:///a:b@c/#1") == "file:///a:b@c/#1");
  CHECK(without_secrets("/a/s3:/u:p@b") == "/a/s3:/u:p@b");
  CHECK(without_secrets("C:x") == "C:x");
  CHECK(without_secrets("s3:/u:p@b?endpoint=https://h").find("u:p") == std::string::npos);
}

TEST_CASE("any bytes may stand on a command line", "[fuzz]") {
  const std::vector<std::string> pieces = {"://",     ":/",   "@",  "=",  ":", "?",   "#",
                                           "--token", " ",    "'",  "\"", "a", "KEY", "/",
                                           "&sig=",   "\xFF", "\n", "{",  "-"};
  std::uint32_t random = 7;
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    for (int i = 0; i < 12; ++i) {
      random = random * 1664525u + 1013904223u;
      text += pieces[(random >> 16) % pieces.size()];
      if ((random >> 12) % 7 == 0) text += '\0';
    }
    const std::string out = shown_command_line(text);
    CHECK(out.size() <= 4 * text.size() + 3);
  }
}
