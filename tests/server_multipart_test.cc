#include "server/multipart.h"

#include <gmock/gmock.h>

#include <fstream>
#include <functional>
#include <random>

#include "base/error.h"
#include "refusal.h"
#include "server/upload_form.h"
#include "testing.h"

namespace ctclip {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::refusal;

/// Everything that a parser hands out.
struct Collected : FormSink {
  struct Part {
    std::string name;
    bool is_file;
    std::string data;
    bool ended;
    bool operator==(const Part&) const = default;
  };
  std::vector<Part> parts;

  void begin_part(const FormPart& part) override {
    parts.push_back({part.name, part.is_file, {}, false});
  }
  void part_data(std::string_view bytes) override { parts.back().data += bytes; }
  void end_part() override { parts.back().ended = true; }
};

std::string part(const std::string& disposition, const std::string& data) {
  return "Content-Disposition: form-data; " + disposition + "\r\n\r\n" + data;
}

std::vector<Collected::Part> parse(const std::string& boundary, std::string_view body,
                                   std::size_t piece = std::string::npos) {
  Collected collected;
  MultipartParser parser(boundary, collected);
  while (!body.empty()) {
    parser.feed(body.substr(0, piece));
    body.remove_prefix(std::min(piece, body.size()));
  }
  parser.finish();
  return collected.parts;
}

TEST(Multipart, FindsPartsPreambleAndEpilogue) {
  const std::string body = "a preamble\r\nof two lines\r\n--b\r\n" +
                           part("name=\"file\"; filename=\"x.zip\"", "data\r\n--\r\n-b") +
                           "\r\n--b  \t\r\n" + part("name=details", "true") +
                           "\r\n--b--\r\nan epilogue --b\r\n--b\r\n";
  EXPECT_THAT(parse("b", body), ElementsAre(Collected::Part{"file", true, "data\r\n--\r\n-b", true},
                                            Collected::Part{"details", false, "true", true}));
}

TEST(Multipart, TakesAnEmptyPart) {
  const std::string body = "--b\r\n" + part("name=\"file\"; filename=\"\"", "") + "\r\n--b--";
  EXPECT_THAT(parse("b", body), ElementsAre(Collected::Part{"file", true, "", true}));
}

TEST(Multipart, UnquotesNames) {
  const std::string body =
      "--b\r\n" + part(R"(filename="a;name=\"x\".zip" ; NAME="fi\le")", "d") + "\r\n--b--";
  EXPECT_THAT(parse("b", body), ElementsAre(Collected::Part{"file", true, "d", true}));
}

TEST(Multipart, SplitAnywhereItIsTheSame) {
  // Data made of the delimiter's own characters, so that nearly every byte begins a false match.
  std::mt19937 random(7);
  const std::string alphabet = "\r\n-bB";
  for (int round = 0; round < 200; ++round) {
    std::string data;
    for (int i = 0; i < 200; ++i) data += alphabet[random() % alphabet.size()];
    for (std::size_t at; (at = data.find("\r\n--bB")) != std::string::npos;) data.erase(at, 1);
    const std::string body = "--bB\r\n" + part("name=\"file\"; filename=\"x\"", data) +
                             "\r\n--bB\r\n" + part("name=\"details\"", "1") + "\r\n--bB--\r\n";
    const auto whole = parse("bB", body);
    ASSERT_EQ(whole.size(), 2U);
    ASSERT_EQ(whole[0].data, data);
    ASSERT_EQ(parse("bB", body, 1), whole);
    Collected collected;
    MultipartParser parser("bB", collected);
    for (std::size_t begin = 0; begin < body.size();) {
      const std::size_t size = 1 + random() % 9;
      parser.feed(std::string_view(body).substr(begin, size));
      begin += size;
    }
    parser.finish();
    ASSERT_EQ(collected.parts, whole);
  }
}

TEST(Multipart, RandomBytesNeverDoMoreThanThrow) {
  std::mt19937 random(11);
  const std::string valid = "--b\r\n" + part("name=\"file\"; filename=\"x\"", "data") +
                            "\r\n--b\r\n" + part("name=\"details\"", "1") + "\r\n--b--\r\n";
  int refused = 0;
  for (int round = 0; round < 5000; ++round) {
    std::string body = valid;
    for (int flips = 1 + static_cast<int>(random() % 4); flips > 0; --flips) {
      body[random() % body.size()] = static_cast<char>(random());
    }
    body.resize(random() % 3 == 0 ? random() % body.size() : body.size());
    try {
      parse("b", body, 1 + random() % 17);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::bad_multipart);
      ++refused;
    }
  }
  EXPECT_GT(refused, 1000);
}

TEST(Multipart, RefusesWhatIsNoForm) {
  const std::string file = part("name=\"file\"; filename=\"x\"", "data");
  const std::vector<std::string> bodies = {
      "",
      "no boundary at all",
      "--b\r\n" + file,                                       // cut in the data
      "--b\r\n" + file + "\r\n--b",                           // cut in the last boundary
      "--b\r\n" + file + "\r\n--bc--",                        // another boundary
      "--b\r\n\r\ndata\r\n--b--",                             // no header
      "--b\r\nContent-Type: text/plain\r\n\r\nd\r\n--b--",    // no Content-Disposition
      "--b\r\nno colon\r\n\r\nd\r\n--b--",                    // no header line
      "--b\r\n" + part("filename=x", "d") + "\r\n--b--",      // no name
      "--b\r\n" + part("name=\"file", "d") + "\r\n--b--",     // an open quote
      "--b\r\n" + part("name=a; name=b", "d") + "\r\n--b--",  // two names
      "--b\r\nContent-Transfer-Encoding: base64\r\n" + file + "\r\n--b--",
      "--b\r\nX: " + std::string(9000, 'x') + "\r\n" + file + "\r\n--b--",
  };
  for (const std::string& body : bodies) {
    EXPECT_EQ(refusal([&] { parse("b", body); }), Code::bad_multipart) << body.substr(0, 80);
    EXPECT_EQ(refusal([&] { parse("b", body, 1); }), Code::bad_multipart) << body.substr(0, 80);
  }
}

TEST(Multipart, RefusesEndlessHeadersAndPartsWithoutKeepingThem) {
  Collected collected;
  MultipartParser parser("b", collected);
  parser.feed("--b\r\nX: ");
  EXPECT_EQ(refusal([&] {
              for (int i = 0; i < 100; ++i) parser.feed(std::string(1000, 'x'));
            }),
            Code::bad_multipart);
  std::string many;
  for (int i = 0; i < 40; ++i) many += "--b\r\n" + part("name=x", "") + "\r\n";
  EXPECT_EQ(refusal([&] { parse("b", many + "--b--"); }), Code::bad_multipart);
}

TEST(FormBoundary, IsReadFromTheContentType) {
  EXPECT_EQ(form_boundary("multipart/form-data; boundary=abc"), "abc");
  EXPECT_EQ(form_boundary("Multipart/Form-Data ;charset=utf-8; BOUNDARY=\"a b:c\""), "a b:c");
  EXPECT_EQ(form_boundary("application/json"), "");
  EXPECT_EQ(form_boundary(""), "");
  for (const std::string& bad :
       {std::string("multipart/form-data"), std::string("multipart/form-data; boundary="),
        std::string("multipart/form-data; boundary=\"a"),
        std::string("multipart/form-data; boundary=a\x01"),
        "multipart/form-data; boundary=" + std::string(71, 'x')}) {
    EXPECT_EQ(refusal([&] { form_boundary(bad); }), Code::bad_multipart) << bad;
  }
}

class UploadFormTest : public ::testing::Test {
 protected:
  Upload take(const std::string& body, uint64_t limit = 1000) {
    UploadForm form("b", spool_, limit);
    form.feed(body);
    return form.finish();
  }
  std::size_t files() const {
    const std::filesystem::directory_iterator begin(folder_.path() / "spool");
    return static_cast<std::size_t>(std::distance(begin, {}));
  }

  testing::TempDir folder_;
  Spool spool_{folder_.path() / "spool", 0};
};

TEST_F(UploadFormTest, WritesTheFileToTheSpoolAndRemovesIt) {
  {
    const Upload upload = take("--b\r\n" + part("name=\"threshold\"", "0.25") + "\r\n--b\r\n" +
                               part("name=\"file\"; filename=\"../../etc/x\"", "12345") +
                               "\r\n--b\r\n" + part("name=details", "true") + "\r\n--b--");
    EXPECT_EQ(upload.file.size(), 5U);
    EXPECT_EQ(upload.file.path().parent_path(), spool_.folder());
    EXPECT_EQ(std::filesystem::file_size(upload.file.path()), 5U);
    EXPECT_EQ(std::filesystem::status(upload.file.path()).permissions(),
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    EXPECT_EQ(upload.parameters.threshold(), 0.25);
    EXPECT_TRUE(upload.parameters.details());
    EXPECT_EQ(files(), 1U);
  }
  EXPECT_EQ(files(), 0U);
}

TEST_F(UploadFormTest, RefusesWhatIsMissingEmptyDoubleOrTooLarge) {
  const std::string end = "\r\n--b--";
  const std::string file = "--b\r\n" + part("name=\"file\"; filename=\"x\"", "12345");
  const std::string details = "--b\r\n" + part("name=\"details\"", "true");
  const auto refused = [&](const std::string& body) { return refusal([&] { take(body); }); };
  EXPECT_EQ(refused(details + end), Code::missing_file_field);
  EXPECT_EQ(refused("--b\r\n" + part("name=study; filename=x", std::string(500, 'x')) + end),
            Code::missing_file_field);
  EXPECT_EQ(refused("--b\r\n" + part("name=\"file\"; filename=\"\"", "") + end),
            Code::empty_upload);
  EXPECT_EQ(refused(file + "\r\n" + file + end), Code::bad_multipart);
  EXPECT_EQ(refused(file + "\r\n" + details + "\r\n" + details + end), Code::bad_parameter);
  EXPECT_EQ(refused(file + "\r\n--b\r\n" + part("name=treshold", "0.3") + end),
            Code::bad_parameter);
  EXPECT_EQ(refused("--b\r\n" + part("name=details", std::string(200, '1')) + end),
            Code::bad_parameter);
  EXPECT_EQ(refused("--b\r\n" + part("name=file; filename=x", std::string(1001, 'x')) + end),
            Code::upload_too_large);
  EXPECT_EQ(refused(std::string(1000 + UploadForm::kOverhead + 1, ' ')), Code::upload_too_large);
  EXPECT_EQ(files(), 0U);
}

TEST_F(UploadFormTest, LeavesTheReserveOfTheDiskFree) {
  const Spool full(folder_.path() / "full", uint64_t{1} << 62);
  UploadForm form("b", full, 1000);
  EXPECT_EQ(refusal([&] { form.feed("--b\r\n" + part("name=file; filename=x", "12345")); }),
            Code::disk_full);
  EXPECT_EQ(refusal([&] { full.require_space(0); }), Code::disk_full);
}

TEST(SpoolTest, RemovesLeftoversOfADeadProcessOnly) {
  const testing::TempDir folder;
  const auto leftover = folder.path() / "ctclip-00.upload";
  const auto other = folder.path() / "notes.txt";
  for (const auto& path : {leftover, other}) std::ofstream(path) << "x";
  const Spool spool(folder.path(), 0);
  EXPECT_FALSE(std::filesystem::exists(leftover));
  EXPECT_TRUE(std::filesystem::exists(other));
  const SpoolFile mine = spool.create();
  EXPECT_EQ(refusal([&] { Spool second(folder.path(), 0); }), Code::usage);
  EXPECT_TRUE(std::filesystem::exists(mine.path()));
}

TEST(SpoolTest, ItsTemporaryFolderGoesAway) {
  std::filesystem::path folder;
  {
    const Spool spool({}, 0);
    folder = spool.folder();
    EXPECT_EQ(std::filesystem::status(folder).permissions(), std::filesystem::perms::owner_all);
  }
  EXPECT_FALSE(std::filesystem::exists(folder));
}

TEST(ParametersTest, ReadsTheQuery) {
  const Parameters all =
      Parameters::from_query("details=true&series_uid=1.2.840%2E1&threshold=0.5&any_anatomy=1");
  EXPECT_TRUE(all.details());
  EXPECT_EQ(all.threshold(), 0.5);
  EXPECT_EQ(all.study({}).series_uid, "1.2.840.1");
  EXPECT_TRUE(all.study({}).any_anatomy);
  EXPECT_FALSE(Parameters::from_query("").details());
}

TEST(ParametersTest, QuotesNothingThatIsNoUid) {
  for (const std::string name : {"series_uid", "study_uid"}) {
    try {
      Parameters::from_query(name + "=SECRET.NAME");
      ADD_FAILURE() << name;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::bad_parameter);
      EXPECT_THAT(error.what(), Not(HasSubstr("SECRET")));
    }
  }
}

TEST(ParametersTest, RefusesWhatItDoesNotKnow) {
  for (const char* query :
       {"threshold=", "threshold=1.5", "threshold=-0.1", "threshold=nan", "threshold=0.5x",
        "threshold=0,5", "details=yes", "details", "series_uid=", "series_uid=a/b", "treshold=0.5",
        "details=1&details=1", "threshold=%", "threshold=%0", "threshold=%zz", "%00=1",
        "series_uid=11111111112222222222333333333344444444445555555555666666666677777"}) {
    EXPECT_EQ(refusal([&] { Parameters::from_query(query); }), Code::bad_parameter) << query;
  }
  EXPECT_EQ(refusal([] { Parameters::from_query("study_uid=1.2..3"); }), Code::bad_parameter);
  Parameters query = Parameters::from_query("threshold=0.5");
  query.merge(Parameters::from_query("threshold=0.5&details=1"));
  EXPECT_TRUE(query.details());
  EXPECT_EQ(refusal([&] { query.merge(Parameters::from_query("threshold=0.4")); }),
            Code::bad_parameter);
}

}  // namespace
}  // namespace ctclip
