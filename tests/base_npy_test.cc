#include "base/npy.h"

#include <gmock/gmock.h>

#include <fstream>
#include <string>

#include "base/error.h"
#include "testing.h"

namespace ctclip {
namespace {

using namespace std::string_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Npy : public ::testing::Test {
 protected:
  NpyArray read(const std::string& header, const std::string& data) {
    const std::string size = {static_cast<char>(header.size() & 0xFF),
                              static_cast<char>(header.size() >> 8)};
    std::ofstream(path_, std::ios::binary) << "\x93NUMPY\x01\0"s << size << header << data;
    return read_npy(path_);
  }
  std::string refusal(const std::string& header) {
    try {
      read(header, std::string(64, '\0'));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::bad_parameter);
      return error.what();
    }
    return "was read";
  }
  static std::string with_shape(const std::string& shape, const std::string& order = "False") {
    return "{'descr': '<i2', 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
  }

  testing::TempDir folder_;
  std::filesystem::path path_ = folder_.path() / "a.npy";
};

TEST_F(Npy, BothOrdersAreRead) {
  const std::string data("\1\0\2\0\3\0\4\0\5\0\6\0", 12);
  const NpyArray plain = read(with_shape("(2, 3)"), data);
  EXPECT_THAT(plain.shape, ElementsAre(2, 3));
  EXPECT_THAT(plain.values, ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(read(with_shape("(2, 3)", "True"), data).values, ElementsAre(1, 3, 5, 2, 4, 6));
  EXPECT_THAT(read(with_shape("(3,)"), data).shape, ElementsAre(3));
  EXPECT_THAT(read(with_shape("()"), data).values, ElementsAre(1));
}

TEST_F(Npy, SizesInItAreNotBelieved) {
  EXPECT_THAT(refusal(with_shape("(99999999999999999999,)")), HasSubstr("damaged shape"));
  EXPECT_THAT(refusal(with_shape("(4294967296, 4294967296)")), HasSubstr("damaged shape"));
  EXPECT_THAT(refusal(with_shape("(0, 9223372036854775807)")), HasSubstr("damaged shape"));
  EXPECT_THAT(refusal(with_shape("(33,)")), HasSubstr("expected 66 bytes"));
  EXPECT_THAT(refusal(with_shape("(3")), HasSubstr("damaged shape"));
}

TEST_F(Npy, AnotherHeaderIsRefused) {
  EXPECT_THAT(refusal("{'shape': (1,)}"), HasSubstr("has no 'descr':"));
  EXPECT_THAT(refusal("{'descr': [('a', '<f4')], 'shape': (1,), 'fortran_order': False}"),
              HasSubstr("numeric dtype"));
  EXPECT_THAT(refusal("{'descr':"), HasSubstr("has no 'descr':"));
  // A regular expression of the standard library would need a stack of as many frames.
  EXPECT_THAT(refusal("{'descr': '" + std::string(65'000, 'x') + "'}"), HasSubstr("'shape'"));
}

}  // namespace
}  // namespace ctclip
