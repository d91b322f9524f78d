// The catalogue of Russian sentences, one for each code of base/error.cc.
#include <algorithm>
#include <array>

#include "server/language.h"

namespace ctclip {
namespace {

struct Sentence {
  Code code;
  std::string_view russian;
  bool whole = false;
};

constexpr std::array kSentences = {
    Sentence{Code::bad_http, "Запрос не соответствует HTTP, или его заголовки больше допустимого."},
    Sentence{Code::missing_file_field, "В запросе нет поля «file» с исследованием."},
    Sentence{Code::bad_multipart,
             "Тело запроса не является правильной формой multipart/form-data."},
    Sentence{Code::bad_parameter, "Недопустимое значение параметра запроса или поля формы."},
    Sentence{Code::empty_upload, "Присланный файл пуст.", true},
    Sentence{Code::unsupported_format, "Файл — не ZIP, не NIfTI и не DICOM."},
    Sentence{Code::damaged_archive,
             "Архив ZIP повреждён: он оборван, или его данные не сходятся с контрольными суммами."},
    Sentence{Code::encrypted_archive, "Архив ZIP защищён паролем."},
    Sentence{Code::unauthenticated, "Нужен ключ API: в запросе его нет, или он неизвестен."},
    Sentence{Code::forbidden, "У ключа API нет права на это действие."},
    Sentence{Code::not_found, "По этому адресу ничего нет."},
    Sentence{Code::method_not_allowed, "Этот адрес не принимает такой метод HTTP."},
    Sentence{Code::upload_too_slow, "Исследование передаётся слишком медленно."},
    Sentence{Code::upload_too_large, "Присланный файл больше допустимого."},
    Sentence{Code::inflated_too_large, "Распакованный архив больше допустимого."},
    Sentence{Code::too_many_entries, "В архиве или папке больше файлов, чем допустимо."},
    Sentence{Code::too_many_slices, "В серии больше срезов, чем допустимо."},
    Sentence{Code::image_too_large, "Изображение больше допустимого."},
    Sentence{Code::nested_too_deep, "Папки вложены друг в друга глубже, чем допустимо."},
    Sentence{Code::no_dicom, "В исследовании нет ни одного изображения DICOM."},
    Sentence{Code::too_few_slices, "Ни в одной серии нет достаточного числа пригодных срезов."},
    Sentence{Code::not_ct, "Изображения сделаны не компьютерным томографом."},
    Sentence{Code::no_axial_series,
             "Нет аксиальной серии: только локалайзеры, производные изображения или другие "
             "плоскости."},
    Sentence{Code::series_not_found,
             "Запрошенного исследования или серии нет, или серия не годится для анализа."},
    Sentence{
        Code::missing_uid,
        "StudyInstanceUID, SeriesInstanceUID или SOPInstanceUID отсутствует, пуст или не является "
        "UID."},
    Sentence{Code::missing_geometry,
             "Положение, ориентация или расстояние между точками не указаны или не имеют смысла."},
    Sentence{Code::inconsistent_geometry, "Срезы не складываются в один объём."},
    Sentence{Code::gantry_tilt, "Срезы сняты с наклоном гентри, который нельзя исправить."},
    Sentence{Code::uneven_spacing,
             "Расстояние между срезами меняется сильнее, чем можно исправить."},
    Sentence{Code::missing_slices, "Пропущено больше одного среза подряд."},
    Sentence{Code::undecodable_pixels, "Пиксели выбранной серии не удаётся прочитать."},
    Sentence{Code::damaged_nifti, "Файл NIfTI повреждён или такого вида не поддерживается."},
    Sentence{Code::no_lungs, "На изображении нет лёгких, или видна лишь малая их часть."},
    Sentence{Code::lungs_outside,
             "Слишком большая часть лёгких лежит вне объёма, который видят нейросети."},
    Sentence{Code::read_crashed, "Процесс, который читал исследование, аварийно завершился."},
    Sentence{Code::read_out_of_memory, "Чтение исследования требует больше памяти, чем отведено."},
    Sentence{Code::read_timeout, "Чтение исследования длится дольше, чем отведено."},
    Sentence{Code::study_timeout, "Анализ исследования длится дольше, чем отведено."},
    Sentence{Code::idempotency_conflict,
             "С этим Idempotency-Key уже приходило другое исследование или другие параметры."},
    Sentence{Code::queue_full, "В очереди слишком много исследований; повторите запрос позже."},
    Sentence{Code::client_limit,
             "У этого клиента столько исследований или соединений, сколько допустимо; повторите "
             "запрос позже."},
    Sentence{Code::too_many_attempts,
             "С этого адреса пришло слишком много неверных ключей API; повторите запрос позже."},
    Sentence{Code::starting, "Сервис запускается: модели ещё загружаются.", true},
    Sentence{Code::too_many_connections,
             "Открыто слишком много соединений; повторите запрос позже.", true},
    Sentence{Code::shutting_down,
             "Сервис останавливается и не отвечает на новые исследования; повторите запрос позже.",
             true},
    Sentence{Code::disk_full,
             "На диске слишком мало места для исследования; повторите запрос позже."},
    Sentence{Code::history_unavailable,
             "История исследований сейчас недоступна; повторите запрос позже."},
    Sentence{Code::cancelled, "Исследование отменено: клиент закрыл соединение."},
    Sentence{Code::usage, "Сервис запущен с неверными параметрами."},
    Sentence{Code::bad_model, "Файл модели повреждён или не подходит к остальным."},
    Sentence{Code::internal, "Внутренняя ошибка сервиса."},
};

}  // namespace

RussianSentence russian_sentence(Code code) {
  const auto* found = std::ranges::find(kSentences, code, &Sentence::code);
  if (found == kSentences.end()) return {};
  return {found->russian, found->whole};
}

}  // namespace ctclip
