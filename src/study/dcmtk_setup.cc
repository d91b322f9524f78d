#include "study/dcmtk_setup.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcdict.h>
#include <dcmtk/dcmdata/dcrledrg.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpeg/djutils.h>
#include <dcmtk/dcmjpls/djdecode.h>
#include <dcmtk/dcmjpls/djlsutil.h>
#include <dcmtk/oflog/appender.h>
#include <dcmtk/oflog/oflog.h>
#include <dcmtk/oflog/spi/logevent.h>

#include "base/error.h"

namespace ctclip {
namespace {

namespace log = dcmtk::log4cplus;

thread_local std::vector<std::string>* sink = nullptr;

/// A damaged stream may warn at every pixel.
constexpr std::size_t kMostMessages = 8;

class Listener : public log::Appender {
 public:
  ~Listener() override { destructorImpl(); }
  void close() override { closed = true; }

 protected:
  void append(const log::spi::InternalLoggingEvent& event) override {
    if (sink == nullptr || sink->size() >= kMostMessages) return;
    const log::tstring& message = event.getMessage();
    sink->emplace_back(message.data(), message.size());
  }
};

void listen_to(OFLogger& logger) {
  logger.setLogLevel(OFLogger::WARN_LOG_LEVEL);
  logger.setAdditivity(false);
  logger.addAppender(log::SharedAppenderPtr(new Listener));
}

bool set_up() {
  OFLog::configure(OFLogger::OFF_LOG_LEVEL);
  listen_to(DCM_dcmjpegLogger);
  listen_to(DCM_dcmjplsLogger);
  DcmRLEDecoderRegistration::registerCodecs();
  // Cornell's encoder wrote codes of 17 bits, which no table can hold; no other stream has them.
  DJDecoderRegistration::registerCodecs(EDC_photometricInterpretation, EUC_default, EPC_default,
                                        OFFalse, OFTrue);
  DJLSDecoderRegistration::registerCodecs();
  return dcmDataDict.isDictionaryLoaded();
}

}  // namespace

void set_up_dcmtk() {
  static const bool has_dictionary = set_up();
  if (!has_dictionary) {
    throw Error(Code::internal,
                "DCMTK's data dictionary (dicom.dic of the package libdcmtk) is not installed.");
  }
}

CodecWarnings::CodecWarnings() { sink = &messages_; }
CodecWarnings::~CodecWarnings() { sink = nullptr; }

}  // namespace ctclip
