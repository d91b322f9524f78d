#include "app/help.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "app/choices.h"
#include "app/complaint.h"

namespace ctclip::app {
namespace {

using testing::HasSubstr;
using testing::Not;

enum class Colour { red, green };

struct Program {
  Program() {
    app.formatter(std::make_shared<HelpFormatter>(80));
    paint = app.add_subcommand("paint", "Paint something");
    take_enumerator(paint->add_option("--colour", colour, "Of the paint"),
                    {choice("red", Colour::red), choice("green", Colour::green)});
    take_one_of(paint->add_option("--finish", finish, "Of the surface"),
                {"matt", "satin", "gloss", "hammered", "crackled", "pearlescent"}, "NAME")
        ->capture_default_str();
    paint->add_option("--coats", coats, "Layers")->check(CLI::Range(1, 9))->envname("COATS");
    app.require_subcommand(1);
  }

  std::string parse(const std::string& line) {
    try {
      app.parse(line);
      return "";
    } catch (const CLI::ParseError& error) {
      return complaint(app, error);
    }
  }

  CLI::App app{"A program.", "brush"};
  CLI::App* paint = nullptr;
  std::optional<Colour> colour;
  std::string finish = "matt";
  int coats = 1;
};

TEST(Help, ShowsValuesRangesDefaultsAndVariables) {
  const Program program;
  const std::string help = program.paint->help();
  EXPECT_THAT(help, HasSubstr("  --colour red|green "));
  EXPECT_THAT(help, HasSubstr("  --finish NAME               Of the surface [default matt]\n"));
  EXPECT_THAT(help, HasSubstr("  --coats N                   Layers [1 to 9; variable COATS]\n"));
  EXPECT_THAT(help, Not(HasSubstr("ENUM")));
}

TEST(Help, ValuesAreTakenAndSuggested) {
  Program program;
  EXPECT_EQ(program.parse("paint --colour GREEN --finish Gloss"), "");
  EXPECT_EQ(program.colour, Colour::green);
  EXPECT_EQ(program.finish, "gloss");
  EXPECT_THAT(program.parse("paint --colour gren"),
              HasSubstr("--colour: expected red or green, found gren; did you mean green?"));
}

TEST(Help, CommandsAndOptionsAreSuggested) {
  Program program;
  EXPECT_THAT(program.parse("piant"),
              HasSubstr("there is no command piant; did you mean paint?\n`brush --help`"));
  EXPECT_THAT(
      program.parse("paint --colur=red"),
      HasSubstr("there is no option --colur; did you mean --colour?\n`brush paint --help`"));
  EXPECT_THAT(program.parse("paint red"), HasSubstr("red: one argument too many"));
  EXPECT_THAT(program.parse(""), HasSubstr("expected a command: paint"));
}

TEST(Help, WrapsBetweenWords) {
  EXPECT_EQ(wrap("one two three", 2, 9), "  one two\n  three\n");
  EXPECT_EQ(wrap("one\n\ntwo", 0, 40), "one\n\ntwo\n");
  EXPECT_EQ(wrap("a chest|head|abdomen", 0, 11), "a\nchest|head|\nabdomen\n");
  EXPECT_EQ(wrap("unbreakable", 0, 4), "unbreakable\n");
}

TEST(Help, WidthIsColumnsWithinReason) {
  setenv("COLUMNS", "132", 1);
  EXPECT_EQ(help_width(), 132);
  setenv("COLUMNS", "7", 1);
  EXPECT_EQ(help_width(), 40);
  unsetenv("COLUMNS");
}

}  // namespace
}  // namespace ctclip::app
