// SPDX-License-Identifier: Apache-2.0
//
// What stands in K7's HDF5 files, one table for each kind: option --describe-files prints them, docs/files.md shows
// them, and a test holds them against files that the programs write.
#pragma once

#include <string>
#include <vector>

namespace k7::io {

/// A dataset, or, where the name has an @, an attribute of the object before it. Words in capitals within a name stand
/// for what differs: /history/COLUMN.
struct FileItem {
  const char* name;
  const char* shape;  ///< "one" number or text, or a tuple of numbers and of letters that the table explains
  const char* type;   ///< float64, int64 or text
  const char* unit;   ///< empty: a number without one
  const char* frame;  ///< in which components are; empty: it has none
  const char* there;  ///< always, or when it is there
  const char* holds;
};

struct FileTable {
  const char* kind;
  const char* written_by;
  std::vector<const char*> programs;  ///< that write or read it
  const char* letters;                ///< of the shapes, and other words on the whole
  std::vector<FileItem> items;
};

/// One for each kind of file.
const std::vector<FileTable>& file_tables();

/// The tables of the files that a program writes or reads, as Markdown.
std::string file_tables_text(const std::string& program);

}  // namespace k7::io
