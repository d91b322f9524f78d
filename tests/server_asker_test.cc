// Who asks: the name of a request and the language of its answer.

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "base/error.h"
#include "server/language.h"
#include "server/request_id.h"
#include "server/text.h"

namespace ctclip {
namespace {

TEST(RequestId, IsTheClientsWhereItIsWellFormed) {
  EXPECT_EQ(request_id_of("a"), "a");
  EXPECT_EQ(request_id_of("0f8fad5b-d9cb-469f-a165-70867728950e"),
            "0f8fad5b-d9cb-469f-a165-70867728950e");
  EXPECT_EQ(request_id_of(std::string(64, 'Z')), std::string(64, 'Z'));
}

TEST(RequestId, IsNewWhereTheClientsIsNot) {
  for (const std::string& bad :
       {std::string(), std::string(65, 'a'), std::string("a b"), std::string("a\nlevel=error"),
        std::string("\"}"), std::string("\xd0\x98\xd0\xb2\xd0\xb0\xd0\xbd\xd0\xbe\xd0\xb2"),
        std::string("a\0b", 3)}) {
    const std::string id = request_id_of(bad);
    EXPECT_NE(id, bad);
    EXPECT_EQ(id.size(), 32U);
    EXPECT_TRUE(is_plain_name(id)) << id;
  }
}

TEST(RequestId, IsNeverGivenTwice) {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) ids.insert(request_id_of({}));
  EXPECT_EQ(ids.size(), 1000U);
}

TEST(Language, IsThatOfTheHigherQuality) {
  struct Case {
    const char* accept;
    Language language;
  };
  constexpr auto kEn = Language::english;
  constexpr auto kRu = Language::russian;
  for (const auto& [accept, language] : {Case{"", kEn},
                                         Case{"ru", kRu},
                                         Case{"RU", kRu},
                                         Case{"ru-RU", kRu},
                                         Case{"en", kEn},
                                         Case{"ru-RU,ru;q=0.9,en-US;q=0.8,en;q=0.7", kRu},
                                         Case{"en-GB,en;q=0.9,ru;q=0.8", kEn},
                                         Case{"en;q=0.1, ru;q=0.2", kRu},
                                         Case{"en;q=0.2,ru;q=0.1", kEn},
                                         Case{"ru;q=0.001,en;q=0.002", kEn},
                                         Case{"ru;q=0.002 , en;q=0.001", kRu},
                                         Case{"ru,en", kRu},
                                         Case{"en,ru", kEn},  // of equals, the first
                                         Case{"de,fr;q=0.5", kEn},
                                         Case{"*", kEn},
                                         Case{"de,*;q=0.1", kEn},
                                         Case{"en;q=0,*", kRu},
                                         Case{"ru;q=0,*", kEn},
                                         Case{"en;q=0.5,*", kRu},
                                         Case{"ru;q=0", kEn},
                                         Case{"ru;q=0,en;q=0", kEn},
                                         Case{"run", kEn},
                                         Case{"ru_RU", kEn},  // other languages
                                         Case{"ru;q=2", kEn},
                                         Case{"ru;q=1.001", kEn},
                                         Case{"ru;q=0.1234", kEn},
                                         Case{"ru;q=", kEn},
                                         Case{"ru;q=-1", kEn},
                                         Case{"ru;q=1e0", kEn},
                                         Case{"ru;v=1", kEn},
                                         Case{"ru;q=1.000", kRu},
                                         Case{"ru;q=1.", kRu},
                                         Case{"ru ; Q=0.5", kRu},
                                         Case{",,ru,", kRu},
                                         Case{";;;", kEn}}) {
    EXPECT_EQ(preferred_language(accept), language) << accept;
  }
}

TEST(Language, OfALongListReadsOnlyTheBeginning) {
  std::string accept;
  for (int i = 0; i < 100'000; ++i) accept += "de,";
  EXPECT_EQ(preferred_language(accept + "ru"), Language::english);
}

bool has_cyrillic(std::string_view text) {
  return text.find('\xd0') != std::string_view::npos || text.find('\xd1') != std::string_view::npos;
}

TEST(Russian, EveryCodeHasASentenceOfItsOwn) {
  std::set<std::string_view> seen;
  for (const CodeInfo& one : all_codes()) {
    const RussianSentence sentence = russian_sentence(one.code);
    EXPECT_TRUE(has_cyrillic(sentence.text)) << one.name << " has no Russian sentence";
    EXPECT_TRUE(sentence.text.ends_with('.')) << one.name;
    EXPECT_TRUE(seen.insert(sentence.text).second) << one.name << ": another code says the same";
  }
}

TEST(Russian, KeepsWhatTheEnglishSentenceSays) {
  const Error error(Code::too_few_slices, "The largest series has 12 slices; 20 are needed.");
  EXPECT_EQ(error_text(error, Language::english), error.what());
  const std::string text = error_text(error, Language::russian);
  EXPECT_TRUE(text.starts_with(russian_sentence(Code::too_few_slices).text)) << text;
  EXPECT_TRUE(text.ends_with(error.what())) << text;
  const Error starting(Code::starting,
                       "The service is starting: its models are still being loaded.");
  EXPECT_EQ(error_text(starting, Language::russian), russian_sentence(Code::starting).text);
}

}  // namespace
}  // namespace ctclip
