// Where a found journal may ship to.
#include "recover/store_trust.hpp"

#include "support/catch.hpp"
#include "support/process.hpp"

using namespace runlog;

TEST_CASE("a listed store allows itself and what is below it, with its own secrets") {
  const std::vector<std::string> stores = {"s3://team/runs?region=eu-west-1",
                                           "azblob://acc/con/p?sig=SECRET&sv=1", "gs://b/",
                                           "https://user:pass@files.example/dav"};
  const auto listed = [&](std::string_view url) { return listed_store(url, stores).value_or(""); };
  CHECK(listed("s3://team/runs?region=eu-west-1") == "s3://team/runs?region=eu-west-1");
  CHECK(listed("s3://team/runs/?region=eu-west-1") == "s3://team/runs?region=eu-west-1");
  CHECK(listed("s3://team/runs/alice/x?region=eu-west-1") ==
        "s3://team/runs/alice/x?region=eu-west-1");
  CHECK(listed("azblob://acc/con/p/q?sig=***&sv=1") == "azblob://acc/con/p/q?sig=SECRET&sv=1");
  CHECK(listed("gs://b/deep/er") == "gs://b/deep/er");
  CHECK(listed("https://files.example/dav/x").starts_with("https://user:pass@files.example/dav"));
  for (const char* const url :
       {"s3://team/runs", "s3://team/runs2?region=eu-west-1", "s3://team?region=eu-west-1",
        "s3://team/runs?region=eu-west-1&endpoint=http://evil.example",
        "s3://team/runs?region=us-east-1", "s3://team/runs/../other?region=eu-west-1",
        "s3://team/runs/%2e%2e/other?region=eu-west-1", "s3://team/runs/a\\..?region=eu-west-1",
        "gs://b.evil.example", "gs://bb", "https://files.example.evil/dav",
        "http://files.example/dav", "https://evil.example/?x=https://files.example/dav", "", "/",
        "gs:"}) {
    INFO(url);
    CHECK(listed(url).empty());
  }
}

TEST_CASE("a listed directory allows itself alone: links may lead anywhere from there") {
  const std::vector<std::string> stores = {"/srv/store/", "file:///srv/other"};
  CHECK(listed_store("/srv/store", stores) == "/srv/store/");
  CHECK(listed_store("file:///srv/store", stores) == "/srv/store/");
  CHECK(listed_store("/srv/other/", stores) == "file:///srv/other");
  CHECK(listed_store("/srv/x/../store", stores) == "/srv/store/");
  CHECK_FALSE(listed_store("/srv/store/below", stores));
  CHECK_FALSE(listed_store("/srv", stores));
  CHECK_FALSE(listed_store("/srv/store", {}));
  CHECK_FALSE(listed_store("/srv/store", {""}));
}

TEST_CASE("a journal ships where it says if this user wrote it, and is believed") {
  const test::TemporaryDirectory root;
  const std::filesystem::path journal = root / "run" / "r0-00000000000000000000000000000000";
  std::filesystem::create_directories(journal);
  std::filesystem::permissions(journal, std::filesystem::perms::owner_all);
  CHECK(store_for(journal, "s3://theirs", {}).value() == "s3://theirs");
  CHECK(store_for(journal, "s3://theirs", {.store = "s3://mine"}).value() == "s3://mine");
  CHECK(store_for(journal, "", {.believes_own = false}).value().empty());
  const auto waits = store_for(journal, "s3://theirs", {.believes_own = false});
  REQUIRE_FALSE(waits);
  for (const char* const word : {"s3://theirs", "--store", "RUNLOG_STORES"}) {
    CHECK(waits.error().message.find(word) != std::string::npos);
  }
  CHECK(store_for(journal, "s3://theirs/x",
                  {.believes_own = false, .trusted_stores = {"s3://theirs"}})
            .value() == "s3://theirs/x");
  std::filesystem::permissions(journal, std::filesystem::perms::all);  // others may have changed it
  CHECK_FALSE(store_for(journal, "s3://theirs", {}));
}
