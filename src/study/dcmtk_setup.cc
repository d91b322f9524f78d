#include "study/dcmtk_setup.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcdict.h>
#include <dcmtk/dcmdata/dcrledrg.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpls/djdecode.h>
#include <dcmtk/oflog/oflog.h>

#include "base/error.h"

namespace ctclip {
namespace {

bool set_up() {
  OFLog::configure(OFLogger::OFF_LOG_LEVEL);
  DcmRLEDecoderRegistration::registerCodecs();
  DJDecoderRegistration::registerCodecs();
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

}  // namespace ctclip
