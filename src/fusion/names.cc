#include "fusion/names.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace ctclip {
namespace {

struct Name {
  std::string_view key;      ///< lower case, words separated by blanks
  std::string_view english;  ///< empty where it is the key with its first letter upper case
  std::string_view russian;
};

constexpr auto kNames = std::to_array<Name>({
    // What the answer says instead of a pathology.
    {"no significant pathology", "", "Значимая патология не выявлена"},
    // The supervised model's pathologies.
    {"ribs fracture", "Rib fracture", "Перелом рёбер"},
    {"pleural effusion", "", "Плевральный выпот"},
    {"aorta pathology", "Aortic pathology", "Патология аорты"},
    {"pulmonary trunk pathology", "", "Патология лёгочного ствола"},
    {"cancer", "", "Злокачественное новообразование"},
    {"atelectasis", "", "Ателектаз"},
    {"covid", "COVID-19 pneumonia", "Пневмония при COVID-19"},
    {"infiltrate", "", "Инфильтрация лёгочной ткани"},
    {"emphysema", "", "Эмфизема лёгких"},
    {"paracardial fat pathology", "", "Патология паракардиальной жировой клетчатки"},
    {"fibrosis", "", "Пневмофиброз"},
    {"airiness decrease", "Decreased lung aeration", "Снижение воздушности лёгочной ткани"},
    {"pneumothorax", "", "Пневмоторакс"},
    {"coronary calcium", "Coronary artery calcification", "Кальциноз коронарных артерий"},
    {"osteo fracture", "Osteoporotic fracture", "Остеопоротический перелом"},
    // CT-CLIP's prompts.
    {"pathological finding", "", "Патологические изменения"},
    {"pulmonary nodule", "", "Очаг в лёгком"},
    {"lymphangitic carcinomatosis", "", "Лимфогенный карциноматоз лёгких"},
    {"pneumonia", "", "Пневмония"},
    {"tuberculosis", "", "Туберкулёз"},
    {"bronchiectasis", "", "Бронхоэктазы"},
    {"chronic bronchitis", "", "Хронический бронхит"},
    {"bronchial obstruction", "", "Бронхиальная обструкция"},
    {"pulmonary emphysema", "", "Эмфизема лёгких"},
    {"pulmonary fibrosis", "", "Лёгочный фиброз"},
    {"pneumoconiosis", "", "Пневмокониоз"},
    {"pulmonary edema", "", "Отёк лёгких"},
    {"pleural thickening", "", "Утолщение плевры"},
    {"pleural plaques", "", "Плевральные бляшки"},
    {"hemothorax", "", "Гемоторакс"},
    {"consolidation", "", "Консолидация лёгочной ткани"},
    {"ground-glass opacity", "", "Симптом «матового стекла»"},
    {"crazy-paving pattern", "", "Симптом «булыжной мостовой»"},
    {"tree-in-bud pattern", "", "Симптом «дерева в почках»"},
    {"mosaic attenuation", "", "Мозаичная плотность лёгочной ткани"},
    {"cavitation", "", "Полость распада"},
    {"pulmonary embolism", "", "Тромбоэмболия лёгочной артерии"},
    {"chronic thromboembolic disease", "", "Хроническая тромбоэмболическая болезнь лёгких"},
    {"main pulmonary artery enlargement", "", "Расширение лёгочного ствола"},
    {"pulmonary arteriovenous malformation", "", "Лёгочная артериовенозная мальформация"},
    {"mediastinal or hilar lymphadenopathy", "", "Лимфаденопатия средостения или корней лёгких"},
    {"sarcoidosis", "", "Саркоидоз"},
    {"thymoma", "", "Тимома"},
    {"lymphoma", "", "Лимфома"},
    {"mediastinal cyst", "", "Киста средостения"},
    {"retrosternal goiter", "", "Загрудинный зоб"},
    {"pericardial effusion", "", "Перикардиальный выпот"},
    {"cardiac chamber enlargement", "", "Увеличение камер сердца"},
    {"coronary artery calcification", "", "Кальциноз коронарных артерий"},
    {"aortic dissection", "", "Расслоение аорты"},
    {"rib fracture", "", "Перелом ребра"},
    {"vertebral compression fracture", "", "Компрессионный перелом тела позвонка"},
    {"bone metastases", "", "Метастазы в костях"},
    {"chest wall mass or invasion", "", "Образование или инвазия грудной стенки"},
    {"subcutaneous emphysema", "", "Подкожная эмфизема"},
    {"diaphragmatic hernia", "", "Диафрагмальная грыжа"},
    {"hiatal hernia", "", "Грыжа пищеводного отверстия диафрагмы"},
    {"pneumomediastinum", "", "Пневмомедиастинум"},
    {"hydropneumothorax", "", "Гидропневмоторакс"},
    {"radiation pneumonitis", "", "Лучевой пневмонит"},
    {"postoperative changes (lobectomy or pneumonectomy)", "",
     "Послеоперационные изменения (лобэктомия или пневмонэктомия)"},
    {"scoliosis", "", "Сколиоз"},
    {"pectus excavatum or carinatum", "",
     "Воронкообразная или килевидная деформация грудной клетки"},
    {"other pathology", "", "Другая патология"},
});

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

std::string with_blanks(std::string_view name) {
  std::string result(name);
  std::ranges::replace(result, '_', ' ');
  return result;
}

const Name* find(std::string_view pathology) {
  std::string key = with_blanks(pathology);
  std::ranges::transform(key, key.begin(), lower);
  const auto found = std::ranges::find(kNames, key, &Name::key);
  return found == kNames.end() ? nullptr : &*found;
}

const Name* find_english(std::string_view english) {
  const auto found = std::ranges::find(kNames, english, &Name::english);
  return english.empty() || found == kNames.end() ? nullptr : &*found;
}

struct Band {
  std::string_view english, russian;
};

constexpr Band kNormal = {"Most likely normal", "Скорее всего норма"};
constexpr Band kBorderline = {"Borderline", "Пограничное состояние"};
constexpr Band kLikely = {"Pathology is likely", "Вероятна патология"};
constexpr Band kHigh = {"High probability of pathology", "Высокая вероятность патологии"};

const Band& band(double probability) {
  if (probability < 0.3) return kNormal;
  if (probability < 0.5) return kBorderline;
  return probability <= 0.7 ? kLikely : kHigh;
}

}  // namespace

std::string readable_name(std::string_view pathology) {
  if (const Name* name = find(pathology); name != nullptr && !name->english.empty()) {
    return std::string(name->english);
  }
  std::string result = with_blanks(pathology);
  if (!result.empty()) result.front() = upper(result.front());
  return result;
}

std::string readable_name_russian(std::string_view pathology) {
  const Name* name = find(pathology);
  if (name == nullptr) name = find_english(pathology);
  return name != nullptr ? std::string(name->russian) : readable_name(pathology);
}

std::string_view interpretation(double probability) { return band(probability).english; }
std::string_view interpretation_russian(double probability) { return band(probability).russian; }

}  // namespace ctclip
