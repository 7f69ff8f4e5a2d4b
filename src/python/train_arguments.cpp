// SPDX-License-Identifier: Apache-2.0
#include "python/train_arguments.hpp"

#include <pybind11/stl.h>

#include <algorithm>
#include <functional>
#include <type_traits>
#include <utility>

#include "python/calls.hpp"

namespace k7::python {
namespace {

using train::TrainOptions;

/// One option: how its value comes from Python, and how it is recorded.
struct Argument {
  std::string name;
  std::function<void(TrainOptions&, const py::handle&)> set;
  std::function<io::Json(const TrainOptions&)> get;
};

template <class T>
const char* wanted() {
  if constexpr (std::is_same_v<T, bool>) return "True or False";
  if constexpr (std::is_integral_v<T>) return "a whole number";
  if constexpr (std::is_floating_point_v<T>) return "a number";
  if constexpr (std::is_same_v<T, std::string>) return "text";
  return "a list of numbers, of the right length";
}

template <class T>
io::Json recorded(const T& value) {
  if constexpr (std::is_enum_v<T>)
    return name_of(value);
  else if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, std::string>)
    return value;
  else {
    std::string text = io::Json(value).dump();  // of a list without its brackets
    if (!text.empty() && text.front() == '[') text = text.substr(1, text.size() - 2);
    return text;
  }
}

/// @param place from options to the place of this one
template <class Place>
Argument argument(const std::string& name, const Place& place) {
  using T = std::decay_t<decltype(place(std::declval<TrainOptions&>()))>;
  const auto set = [name, place](TrainOptions& options, const py::handle& value) {
    try {
      if constexpr (std::is_enum_v<T>)
        place(options) = choice<T>(name, value.cast<std::string>());
      else
        place(options) = value.cast<T>();
    } catch (const py::cast_error&) {
      throw InputError(name + ": is " + py::repr(value).cast<std::string>() + "; " +
                       (std::is_enum_v<T> ? "a name" : wanted<T>()) + " is needed");
    }
  };
  const auto get = [place](const TrainOptions& options) { return recorded(place(options)); };
  return {name, set, get};
}

#define K7_ARGUMENT(name, place) \
  argument(                      \
      name, [](auto& o) -> auto& { return o.place; })

/// All of k7_train's options but those that say where and how threads run, see _training.py.
std::vector<Argument> make_arguments() {
  std::vector<Argument> all{K7_ARGUMENT("preset", preset),
                            K7_ARGUMENT("manifold", model.manifold),
                            K7_ARGUMENT("objective", objective),
                            K7_ARGUMENT("start", start),
                            K7_ARGUMENT("metric_map", model.metric_map),
                            K7_ARGUMENT("ansatz", model.ansatz),
                            K7_ARGUMENT("radii", model.radii),
                            K7_ARGUMENT("interval", model.interval),
                            K7_ARGUMENT("impose_det", model.impose_det),
                            K7_ARGUMENT("condition_bound", model.condition_bound),
                            K7_ARGUMENT("hidden", model.network.hidden),
                            K7_ARGUMENT("activation", model.network.activation),
                            K7_ARGUMENT("epochs", epochs),
                            K7_ARGUMENT("batch_size", batch_size),
                            K7_ARGUMENT("images", images),
                            K7_ARGUMENT("lr", lr),
                            K7_ARGUMENT("lr_min", lr_min),
                            K7_ARGUMENT("weight_decay", weight_decay),
                            K7_ARGUMENT("warmup_epochs", warmup_epochs),
                            K7_ARGUMENT("scheduler", scheduler),
                            K7_ARGUMENT("optimizer", optimizer),
                            K7_ARGUMENT("clip_norm", clip_norm),
                            K7_ARGUMENT("patience", patience),
                            K7_ARGUMENT("min_delta", min_delta),
                            K7_ARGUMENT("seed", seed),
                            K7_ARGUMENT("dtype", dtype),
                            K7_ARGUMENT("device", device),
                            K7_ARGUMENT("transport", comm),
                            K7_ARGUMENT("out", out),
                            K7_ARGUMENT("resume", resume),
                            K7_ARGUMENT("checkpoint_every", checkpoint_every),
                            K7_ARGUMENT("log_every", log_every)};
  for (const train::LossTermInfo& term : train::weighted_terms()) {
    const std::string name = term.name;
    all.push_back({"lambda_" + name,
                   [name](TrainOptions& o, const py::handle& value) {
                     argument(
                         "lambda_" + name, [&](auto&) -> auto& { return o.weights[name]; })
                         .set(o, value);
                   },
                   [name](const TrainOptions& o) { return recorded(o.weights[name]); }});
  }
  return all;
}

const std::vector<Argument>& arguments() {
  static const std::vector<Argument> all = make_arguments();
  return all;
}

}  // namespace

std::vector<std::string> train_option_names() {
  std::vector<std::string> names;
  for (const auto& a : arguments()) names.push_back(a.name);
  return names;
}

TrainOptions train_options(const py::dict& given) {
  TrainOptions options = train::preset(choice<train::Preset>("preset", given["preset"].cast<std::string>()));
  for (const auto& [key, value] : given) {
    const auto name = key.cast<std::string>();
    const auto found = std::find_if(arguments().begin(), arguments().end(),
                                    [&](const Argument& a) { return a.name == name; });
    if (found == arguments().end())
      throw InputError(name + ": is no option of training; there are " + joined(train_option_names()));
    found->set(options, value);
  }
  train::complete(options);
  return options;
}

io::Json record_of(const TrainOptions& options) {
  io::Json record = io::Json::object();
  for (const auto& a : arguments()) {
    std::string name = a.name == "transport" ? "comm" : a.name;
    std::replace(name.begin(), name.end(), '_', '-');
    record[name] = a.get(options);
  }
  return record;
}

}  // namespace k7::python
