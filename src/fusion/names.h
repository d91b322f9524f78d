#pragma once

#include <string>
#include <string_view>

namespace ctclip {

/// The sentence that must stand by every probability that a person can see.
inline constexpr std::string_view kWarningEnglish =
    "For diagnostic support only: every result must be checked by a qualified radiologist. "
    "Not for making a diagnosis on its own.";
inline constexpr std::string_view kWarningRussian =
    "Только для диагностической поддержки: каждый результат должен быть проверен квалифицированным "
    "врачом-рентгенологом. Не предназначено для самостоятельной постановки диагноза.";

/// Readable name of a pathology: "pleural_effusion" -> "Pleural effusion", "covid" -> "COVID-19
/// pneumonia". Blanks and underscores, upper and lower case are alike. A name that is not in the
/// table is shown as it is, underscores as blanks, first letter upper case.
std::string readable_name(std::string_view pathology);
/// The same in Russian. Also takes what readable_name gives, and "No significant pathology". A name
/// that is not in the table stays English.
std::string readable_name_russian(std::string_view pathology);

/// The guide's table. A bound belongs to the band above it but for 0.7, which the table's last line
/// ("> 0.7") leaves to the third: [0, 0.3), [0.3, 0.5), [0.5, 0.7], (0.7, 1].
std::string_view interpretation(double probability);
std::string_view interpretation_russian(double probability);

}  // namespace ctclip
