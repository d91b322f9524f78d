#include "app/values.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace ctclip::app {
namespace {

/// What an option of this kind makes of a value; none if it refuses it.
template <typename Value, typename Range>
std::optional<Value> taken(CLI::Option* (*take)(CLI::Option*, Range, Range), Range least,
                           Range most, const std::string& typed) {
  CLI::App app;
  Value value{};
  take(app.add_option("--value", value), least, most);
  try {
    app.parse(std::vector<std::string>{"--value=" + typed});
  } catch (const CLI::ParseError& error) {
    // CLI11 itself refuses an empty one.
    const bool told = std::string(error.what()).starts_with("--value: expected");
    EXPECT_TRUE(told || typed.empty()) << error.what();
    return std::nullopt;
  }
  return value;
}

std::optional<double> seconds(const std::string& typed) {
  return taken<double, double>(take_seconds, 0.001, 100.0, typed);
}
std::optional<uint64_t> bytes(const std::string& typed) {
  return taken<uint64_t, uint64_t>(take_bytes, 1, uint64_t{1} << 62, typed);
}
std::optional<int> number(const std::string& typed) {
  return taken<int, int64_t>(take_number, -5, 5, typed);
}

TEST(ValuesTest, SecondsAreFiniteAndInRange) {
  EXPECT_EQ(seconds("0.001"), 0.001);
  EXPECT_EQ(seconds("1e2"), 100.0);
  for (const char* wrong : {"nan", "NAN", "-nan", "inf", "-inf", "infinity", "-1", "0", "100.1",
                            "1e999", "", " ", " 1", "1 ", "1s", "1,5", "0x10"}) {
    EXPECT_EQ(seconds(wrong), std::nullopt) << wrong;
  }
}

TEST(ValuesTest, BytesHaveAUnitOrNone) {
  EXPECT_EQ(bytes("1"), 1U);
  for (const char* same : {"3M", "3mb", "3MiB", "3Mi", "3145728", "3145728B", "3072k"}) {
    EXPECT_EQ(bytes(same), 3U << 20) << same;
  }
  EXPECT_EQ(bytes("4T"), uint64_t{4} << 40);
  EXPECT_EQ(bytes("4E"), uint64_t{1} << 62);
  EXPECT_EQ(bytes("4194304T"), uint64_t{1} << 62);
  for (const char* wrong : {"0", "-1", "", "M", "3 M", "3MBs", "1.5M", "4194305T",
                            "99999999999999999999", "18446744073709551615T", "nan", "+1"}) {
    EXPECT_EQ(bytes(wrong), std::nullopt) << wrong;
  }
}

TEST(ValuesTest, NumbersAreWholeAndDecimal) {
  EXPECT_EQ(number("-5"), -5);
  EXPECT_EQ(number("5"), 5);
  for (const char* wrong : {"6", "-6", "1.0", "0x1", "1e0", "", "one", "99999999999999999999"}) {
    EXPECT_EQ(number(wrong), std::nullopt) << wrong;
  }
}

}  // namespace
}  // namespace ctclip::app
