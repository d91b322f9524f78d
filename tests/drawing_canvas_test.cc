#include "drawing/canvas.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.h"
#include "testing.h"

namespace ctclip::drawing {
namespace {

constexpr Colour kBlack{}, kWhite{255, 255, 255};

bool same(const Colour& a, const Colour& b) {
  return a.red == b.red && a.green == b.green && a.blue == b.blue;
}

int lit(const Picture& picture, int left, int right) {
  int count = 0;
  for (int y = 0; y < picture.height; ++y) {
    for (int x = left; x < right; ++x) count += picture.at(x, y).green > 127;
  }
  return count;
}

TEST(Canvas, DrawsOnlyInside) {
  Canvas canvas(8, 4, kBlack);
  canvas.fill(-2, -2, 4, 4, kWhite);
  canvas.fill(7, 3, 9, 9, kWhite);
  EXPECT_EQ(lit(canvas.picture(), 0, 8), 2 * 2 + 1);
  canvas.place(Picture(2, 2, kWhite), -3, -3, 100, 100);
  EXPECT_EQ(lit(canvas.picture(), 0, 8), 8 * 4);
  canvas.text(-20, 2, "outside on every side, and longer than the canvas", 13, kBlack);
}

TEST(Canvas, ShrinksToMeansAndKeepsConstants) {
  Picture checks(64, 64);
  for (int y = 0; y < 64; ++y) {
    for (int x = 0; x < 64; ++x) checks.at(x, y) = (x + y) % 2 == 0 ? kWhite : kBlack;
  }
  Canvas small(16, 16, kBlack);
  small.place(checks, 0, 0, 16, 16);
  // A filter of eight by eight pixels weighs both colours alike, but for the picture's rim.
  for (int y = 1; y < 15; ++y) {
    for (int x = 1; x < 15; ++x) EXPECT_NEAR(small.picture().at(x, y).red, 127.5, 4);
  }
  Canvas large(50, 30, kBlack);
  large.place(Picture(3, 7, {10, 200, 30}), 0, 0, 50, 30);
  for (const Colour& pixel : large.picture().pixels) {
    EXPECT_TRUE(same(pixel, {10, 200, 30}));
  }
}

TEST(Canvas, WritesLatinAndCyrillic) {
  for (const char* words : {"Lungs", "Лёгкие"}) {
    Canvas canvas(200, 40, kBlack);
    const double width = canvas.text_width(words, 20);
    canvas.text(10, 30, words, 20, kWhite);
    const Picture& picture = canvas.picture();
    EXPECT_GT(width, 40) << words;
    EXPECT_GT(lit(picture, 10, 10 + static_cast<int>(width)), 100) << words;
    EXPECT_EQ(lit(picture, 12 + static_cast<int>(width), 200), 0) << words;
  }
  Canvas any(1, 1, kBlack);
  EXPECT_NEAR(any.text_width("Лёгкие", 20), 2 * any.text_width("Лёгкие", 10), 0.1);
  // A letter of its own has a form of its own: none of these is the font's box for what it lacks.
  EXPECT_NE(any.text_width("Щ", 100), any.text_width("Г", 100));
  EXPECT_GT(any.text_width("\xFF\xC3", 20), 0);  // malformed UTF-8 is shown as such
}

TEST(Canvas, WritesPng) {
  const testing::TempDir folder;
  Canvas canvas(31, 17, {1, 2, 3});
  canvas.fill(5, 5, 3, 3, {200, 100, 50});
  canvas.write(folder.path() / "a.png");
  const Picture read = read_png(folder.path() / "a.png");
  ASSERT_EQ(read.width, 31);
  ASSERT_EQ(read.height, 17);
  for (std::size_t i = 0; i < read.pixels.size(); ++i) {
    EXPECT_TRUE(same(read.pixels[i], canvas.picture().pixels[i])) << i;
  }
  try {
    canvas.write("/proc/nothing/a.png");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("/proc/nothing/a.png"));
  }
  EXPECT_THROW(read_png(folder.path() / "none.png"), Error);
}

}  // namespace
}  // namespace ctclip::drawing
