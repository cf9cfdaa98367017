#include "flush_plan.h"

namespace odradek {

Status FlushPlan::sync() const {
  for (const Part& part : parts) {
    if (part.log) ODRADEK_RETURN_IF_ERROR(part.handle->log->datasync());
    if (!part.indexes) continue;
    ODRADEK_RETURN_IF_ERROR(part.handle->offset_index->datasync());
    ODRADEK_RETURN_IF_ERROR(part.handle->time_index->datasync());
  }
  return folder ? file_system().sync_folder(folder_path) : Status();
}

Status FlushPlan::check_synced() const {
  for (const Part& part : parts) {
    ODRADEK_RETURN_IF_ERROR(part.handle->log->write_error());
    if (!part.indexes) continue;
    ODRADEK_RETURN_IF_ERROR(part.handle->offset_index->write_error());
    ODRADEK_RETURN_IF_ERROR(part.handle->time_index->write_error());
  }
  return Status();
}

}  // namespace odradek
