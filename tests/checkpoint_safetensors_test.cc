#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "pickles.h"
#include "testing.h"

namespace ctclip {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::little_endian_bytes;
using namespace std::string_literals;

class Safetensors : public ::testing::Test {
 protected:
  std::shared_ptr<const Checkpoint> open(const std::string& header, const std::string& data) {
    testing::write_bytes(path_, little_endian_bytes(header.size(), 8) + header + data);
    return Checkpoint::open(path_);
  }
  std::string refusal(const std::string& header, const std::string& data) {
    try {
      open(header, data);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::bad_model);
      return error.what();
    }
    return "was read";
  }

  testing::TempDir folder_;
  std::filesystem::path path_ = folder_.path() / "model.safetensors";
};

TEST_F(Safetensors, TensorsOfEveryTypeInFileOrder) {
  const std::string header =
      R"({"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
      R"("half":{"dtype":"F16","shape":[1,2],"data_offsets":[8,12]},)"
      R"("brain":{"dtype":"BF16","shape":[],"data_offsets":[12,14]},)"
      R"("flag":{"dtype":"BOOL","shape":[2],"data_offsets":[14,16]},)"
      R"("ids":{"dtype":"I64","shape":[1],"data_offsets":[16,24]},)"
      R"("a":{"dtype":"F32","shape":[3,0],"data_offsets":[24,24]},)"
      R"("__metadata__":{"format":"pt","target_pathologies":"[\"cancer\",\"covid\"]"}} )";
  const std::string data = "\0\0\x80\x3f\0\0\0\xc0"s + "\0\x3c\0\xc1"s + "\xc0\x3f"s + "\0\x01"s +
                           little_endian_bytes(static_cast<uint64_t>(-5), 8);
  const auto checkpoint = open(header, data);
  EXPECT_THAT(checkpoint->names(), ElementsAre("b", "half", "brain", "flag", "ids", "a"));
  EXPECT_THAT(checkpoint->read("b").values(), ElementsAre(1.0F, -2.0F));
  EXPECT_THAT(checkpoint->read("half").values(), ElementsAre(1.0F, -2.5F));
  EXPECT_THAT(checkpoint->read("brain").values(), ElementsAre(1.5F));
  EXPECT_THAT(checkpoint->read("flag").values(), ElementsAre(0.0F, 1.0F));
  EXPECT_THAT(checkpoint->read("ids").values(), ElementsAre(-5.0F));
  EXPECT_EQ(checkpoint->read("a").shape(), (Shape{3, 0}));
  EXPECT_EQ(checkpoint->entry("brain").dtype, "bfloat16");
  EXPECT_THAT(checkpoint->strings("target_pathologies"), ElementsAre("cancer", "covid"));
  EXPECT_THROW(checkpoint->strings("format"), Error);
}

TEST_F(Safetensors, RangesThatCannotBeAreRefused) {
  const auto two = [](const char* first, const char* second) {
    return R"({"a":{"dtype":"F32","shape":[2],"data_offsets":)"s + first +
           R"(},"b":{"dtype":"F32","shape":[1],"data_offsets":)"s + second + "}}";
  };
  const std::string data(12, '\0');
  EXPECT_EQ(refusal(two("[0,8]", "[8,12]"), data), "was read");
  EXPECT_THAT(refusal(two("[0,8]", "[4,8]"), data), HasSubstr("tensor 'b' of shape [1]"));
  EXPECT_THAT(refusal(two("[0,8]", "[9,13]"), data + "x"), HasSubstr("expected 4 bytes from 8"));
  EXPECT_THAT(refusal(two("[0,8]", "[8,12]"), data.substr(1)), HasSubstr("damaged or cut"));
  EXPECT_THAT(refusal(two("[0,8]", "[8,12]"), data + "x"), HasSubstr("1 bytes behind"));
  EXPECT_THAT(refusal(two("[0,4]", "[4,8]"), data), HasSubstr("expected 8 bytes"));
  EXPECT_THAT(refusal(two("[8,0]", "[8,12]"), data), HasSubstr("tensor"));
  EXPECT_THAT(refusal(two("[0,-8]", "[8,12]"), data), HasSubstr("described wrongly"));
  EXPECT_THAT(refusal(two("[0]", "[8,12]"), data), HasSubstr("described wrongly"));
}

TEST_F(Safetensors, HeadersThatCannotBeAreRefused) {
  EXPECT_THAT(refusal("{not json", ""), HasSubstr("no JSON object"));
  EXPECT_THAT(refusal(R"({"a":5})", ""), HasSubstr("'a' is described wrongly"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"F99","shape":[],"data_offsets":[0,0]}})", ""),
              HasSubstr("unknown type F99"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,0]}})", ""),
              HasSubstr("described wrongly"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296,4294967296],)"
                      R"("data_offsets":[0,0]}})",
                      ""),
              HasSubstr("tensor 'a'"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"F32","shape":[0,9223372036854775807,9],)"
                      R"("data_offsets":[0,0]}})",
                      ""),
              HasSubstr("tensor 'a'"));
  EXPECT_THAT(refusal("{"s + std::string(100'000, '['), ""), HasSubstr("no JSON object"));
  EXPECT_THAT(refusal("{\"a\":"s + std::string(100'000, '[') + std::string(100'000, ']') + "}", ""),
              HasSubstr("described wrongly"));
  testing::write_bytes(path_, little_endian_bytes(1'000'000, 8) + "{}");
  EXPECT_THROW(Checkpoint::open(path_), Error);
}

TEST_F(Safetensors, DamageNeverEndsInAnythingButAnError) {
  const std::string header =
      R"({"w":{"dtype":"F16","shape":[4,2],"data_offsets":[0,16]},)"
      R"("__metadata__":{"names":"[\"a\"]"},"v":{"dtype":"F32","shape":[1],"data_offsets":[16,20]}})";
  const std::string whole = little_endian_bytes(header.size(), 8) + header + std::string(20, '\1');
  int refused = 0;
  testing::damage(whole, path_, 500, [&](bool cut) {
    try {
      const auto checkpoint = Checkpoint::open(path_);
      for (const std::string& name : checkpoint->names()) checkpoint->read(name);
      EXPECT_FALSE(cut) << "a file that was cut passed as whole";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::bad_model);
      ++refused;
    }
  });
  EXPECT_GT(refused, 300);
}

}  // namespace
}  // namespace ctclip
