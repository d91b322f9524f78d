#include "fusion/names.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "fusion/fusion.h"
#include "fusion_golden.h"

namespace ctclip {
namespace {

std::vector<std::string> all_pathologies() {
  const auto targets = nlohmann::json::parse(
      testing::read_text(testing::golden("supervised_tiny/target_pathologies.json")));
  const auto prompts =
      nlohmann::json::parse(testing::read_text(testing::golden("ctclip_tiny/prompts.json")));
  auto names = targets.at("target_pathologies").get<std::vector<std::string>>();
  for (const auto& prompt : prompts) names.push_back(prompt.at("pathology"));
  return names;
}

bool has_cyrillic(const std::string& text) {
  // Cyrillic letters are two bytes in UTF-8, the first 0xD0 or 0xD1.
  return text.find('\xD0') != std::string::npos || text.find('\xD1') != std::string::npos;
}

TEST(Names, EveryPathologyHasARussianName) {
  const auto names = all_pathologies();
  ASSERT_EQ(names.size(), 15U + 52U);
  for (const auto& name : names) {
    EXPECT_TRUE(has_cyrillic(readable_name_russian(name))) << name;
    // The answer's English name must lead to the same Russian one.
    EXPECT_TRUE(has_cyrillic(readable_name_russian(readable_name(name)))) << name;
  }
  EXPECT_TRUE(has_cyrillic(readable_name_russian(kNoPathology)));
}

TEST(Names, PromptsHaveRussianNamesOfTheirOwn) {
  const auto names = all_pathologies();
  std::set<std::string> russian;
  for (std::size_t i = 15; i < names.size(); ++i) russian.insert(readable_name_russian(names[i]));
  EXPECT_EQ(russian.size(), 52U);
}

TEST(Names, English) {
  EXPECT_EQ(readable_name("pleural_effusion"), "Pleural effusion");
  EXPECT_EQ(readable_name("Pleural effusion"), "Pleural effusion");
  EXPECT_EQ(readable_name("covid"), "COVID-19 pneumonia");
  EXPECT_EQ(readable_name("ribs_fracture"), "Rib fracture");
  EXPECT_EQ(readable_name("Postoperative_changes_(lobectomy_or_pneumonectomy)"),
            "Postoperative changes (lobectomy or pneumonectomy)");
  EXPECT_EQ(readable_name("some_new_THING"), "Some new THING");
  EXPECT_EQ(readable_name(""), "");
}

TEST(Names, Russian) {
  EXPECT_EQ(readable_name_russian("pleural_effusion"), "Плевральный выпот");
  EXPECT_EQ(readable_name_russian("COVID-19 pneumonia"), "Пневмония при COVID-19");
  EXPECT_EQ(readable_name_russian("some_new_thing"), "Some new thing");
}

TEST(Names, InterpretationBands) {
  EXPECT_EQ(interpretation_russian(0), "Скорее всего норма");
  EXPECT_EQ(interpretation_russian(std::nextafter(0.3, 0)), "Скорее всего норма");
  EXPECT_EQ(interpretation_russian(0.3), "Пограничное состояние");
  EXPECT_EQ(interpretation_russian(std::nextafter(0.5, 0)), "Пограничное состояние");
  EXPECT_EQ(interpretation_russian(0.5), "Вероятна патология");
  EXPECT_EQ(interpretation_russian(0.7), "Вероятна патология");
  EXPECT_EQ(interpretation_russian(std::nextafter(0.7, 1)), "Высокая вероятность патологии");
  EXPECT_EQ(interpretation_russian(1), "Высокая вероятность патологии");
  EXPECT_EQ(interpretation(0.1), "Most likely normal");
  EXPECT_EQ(interpretation(0.4), "Borderline");
  EXPECT_EQ(interpretation(0.6), "Pathology is likely");
  EXPECT_EQ(interpretation(0.9), "High probability of pathology");
}

}  // namespace
}  // namespace ctclip
