// SPDX-License-Identifier: Apache-2.0
#include "io/file_tables.hpp"

#include <algorithm>

namespace k7::io {
namespace {

constexpr const char* always = "always";
constexpr const char* one = "one";
constexpr const char* f64 = "float64";
constexpr const char* i64 = "int64";
constexpr const char* text = "text";
constexpr const char* of_file = "that of `frame`";
constexpr const char* coframe = "that of `manifold`";
constexpr const char* of_input = "that of the input";

/// One for each layer I = 0, 2, 4, ... of a group of parameters.
FileItem weights(const char* name, const char* holds) {
  return {name, "(out, in)", f64, "", "", always, holds};
}
FileItem biases(const char* name) {
  return {name, "(out)", f64, "", "", always, "the same of its biases"};
}

/// How training went, and the best constant form: the rest of a checkpoint.
std::vector<FileItem> history_and_constants() {
  constexpr const char* torsion = "`--objective torsion`";
  constexpr const char* homogeneous = "s1xs3xs3, `--objective torsion`";
  return {
      {"/history/loss", "(E)", f64, "", "", always,
       "weighted sum of the terms, over the batch of each epoch"},
      {"/history/torsion", "(E)", f64, "1/length^2", "", always,
       "mean of norm2_dphi + norm2_dpsi; `--objective notebook`: mean square distance of phi to phi_0"},
      {"/history/det", "(E)", f64, "", coframe, always, "mean of (det g - 65/32)^2"},
      {"/history/norm", "(E)", f64, "", coframe, always,
       "mean of the sum of the squares of phi_ikl phi_jkl - 6 delta_ij"},
      {"/history/smooth", "(E)", f64, "", coframe, always, "mean of the sum of the squares of E_a phi_I"},
      {"/history/det_mean", "(E)", f64, "", coframe, always, "mean of det g"},
      {"/history/torsion_closed", "(E)", f64, "1/length^2", "", torsion, "mean of norm2_dphi"},
      {"/history/torsion_coclosed", "(E)", f64, "1/length^2", "", torsion, "mean of norm2_dpsi"},
      {"/history/trace", "(E)", f64, "", coframe, torsion, "mean of tr(g)/7"},
      {"/history/gauge", "(E)", f64, "", coframe, torsion,
       "interval-s3xs3: mean square distance of the first row of g to the known solution's; else 0"},
      {"/history/positive", "(E)", f64, "", "", torsion, "share of the batch where phi is a G2-structure"},
      {"/history/lr", "(E)", f64, "", "", always, "learning rate, as the notebook records it"},
      {"/history/grad_norm", "(E)", f64, "", "", always, "norm of the gradient before it is clipped"},
      {"/history/validation", "(E)", f64, "", "", always,
       "what the best weights are judged by, as of the last check"},
      {"/constants@loss", one, f64, "", "", homogeneous, "loss of the best constant form"},
      {"/constants@cond_g", one, f64, "", coframe, homogeneous, "cond(g) of it"},
      {"/constants@starts", one, i64, "", "", homogeneous, "searches that were made for it"},
      {"/constants@starts_that_reached_it", one, i64, "", "", homogeneous, "how many of them found it"},
      {"/constants/coframe", "(7, 7)", f64, "", coframe, homogeneous, "its coframe"},
      {"/constants/terms/TERM", "(1)", f64, "", "", homogeneous,
       "a term of its loss, by the names of /history"},
      {"/constants/weights/TERM", "(1)", f64, "", "", homogeneous, "the weight that it is best for"}};
}

FileTable checkpoints() {
  FileTable table{
      "Checkpoints",
      "`k7_train`: `last.h5`, `previous.h5`, `best.h5`, `failed.h5`",
      {"k7_train", "k7_sample", "k7_torsion", "k7_spectral"},
      "E is the number of epochs done, P that of parameters. I counts layers as PyTorch does: 0, 2, 4 and so "
      "on. A coframe A holds e'^a = A_ai e^i in row a, with e that of `manifold`, on s1xs3xs3 (r0 dtheta, r1 "
      "sigma, r2 Sigma); phi = A^* phi_0.",
      {{"/@format", one, text, "", "", always, "`k7-checkpoint`"},
       {"/@version", one, i64, "", "", always, "2"},
       {"/@manifold", one, text, "", "", always, "where points are drawn, by the names of `--manifold`"},
       {"/@radii", "(3)", f64, "length", "", always,
        "s1xs3xs3: scales of dtheta, sigma, Sigma; unused elsewhere"},
       {"/@interval", "(2)", f64, "bolt radius", "", always,
        "interval-s3xs3: the ends of r; unused elsewhere"},
       {"/@ansatz", one, text, "", "", always, "`coframe` or `components`"},
       {"/@metric_map", one, text, "", "", always, "`hitchin` or `contraction`"},
       {"/@impose_det", one, i64, "", "", always, "1: det g = 65/32 is built in"},
       {"/@condition_bound", one, f64, "", "", always, "largest cond(g) that is built in; 0: none"},
       {"/@base_coframe", "(49)", f64, "", coframe, "`--start left-invariant`",
        "the coframe that the network corrects, 7 x 7 by rows"},
       {"/@activation", one, text, "", "", always, "after every hidden layer"},
       {"/@inputs", one, i64, "", "", always, "inputs of the network"},
       {"/@hidden", "(H)", f64, "", "", always, "widths of its H hidden layers"},
       {"/@outputs", one, i64, "", "", always, "its outputs: 49 for `coframe`, 35 for `components`"},
       {"/@seed", one, text, "", "", always, "`--seed`, as digits"},
       {"/@batch_size", one, i64, "", "", always, "points of a step, over all ranks"},
       {"/@chunk_points", one, i64, "", "", always, "points of a chunk, into which the batch is cut"},
       {"/@images", one, i64, "", "", always, "1: points come with their images under symmetries"},
       {"/@epoch", one, i64, "", "", always, "E"},
       {"/@seconds", one, f64, "s", "", always, "wall time of all parts of the run"},
       {"/@best_loss", one, f64, "", "", always, "the smallest `validation` so far; infinite: none yet"},
       {"/@best_epoch", one, i64, "", "", always, "the epoch of `best_loss`; -1: none yet"},
       {"/@epochs_without_best", one, i64, "", "", always, "for `--patience`"},
       {"/@option_NAME", one, text, "", "", always, "each option as it was given or by default; never read"},
       weights("/model/network.I.weight", "layer I of the network: its matrix"),
       biases("/model/network.I.bias"),
       weights("/best/network.I.weight", "the same with the weights of `best_loss`"),
       biases("/best/network.I.bias"),
       {"/optimizer@step", one, i64, "", "", always, "steps done, which correct Adam's means"},
       weights("/optimizer/exp_avg/network.I.weight", "running mean of the gradient"),
       biases("/optimizer/exp_avg/network.I.bias"),
       weights("/optimizer/exp_avg_sq/network.I.weight", "running mean of its square"),
       biases("/optimizer/exp_avg_sq/network.I.bias"),
       {"/optimizer/soap_network.I.weight_SIDE", "(n, n)", f64, "", "", "soap",
        "SIDE `left` or `right`: running mean of G G^T or G^T G, with G the gradient of layer I"},
       {"/optimizer/soap_network.I.weight_SIDE_basis", "(n, n)", f64, "", "", "soap",
        "its eigenvectors, as columns"},
       {"/optimizer/lbfgs_steps", "(M, P)", f64, "", "", "lbfgs, after its first step",
        "the last M steps, the oldest first"},
       {"/optimizer/lbfgs_changes", "(M, P)", f64, "", "", "lbfgs, after its first step",
        "the changes of the gradient in them"},
       {"/schedule@factor", one, f64, "", "", always,
        "what the learning rate of the schedule is multiplied by"},
       {"/schedule@best", one, f64, "", "", always, "`--scheduler plateau`: the smallest loss so far"},
       {"/schedule@bad_epochs", one, i64, "", "", always, "`--scheduler plateau`: epochs since then"},
       {"/schedule@rollbacks", one, i64, "", "", always, "how often training went back to a good state"}}};
  const auto rest = history_and_constants();
  table.items.insert(table.items.end(), rest.begin(), rest.end());
  return table;
}

FileTable samples() {
  return {"Samples",
          "`k7_sample`: `samples.h5`; `tools/npy_to_hdf5.py`",
          {"k7_sample", "k7_spectral"},
          "N is the number of points. Lengths are those of g; coordinates have no unit. When K7 reads one, "
          "only `/coords` and `/metric` are needed, and `/points` where the manifold has spheres; numbers "
          "may be float32 then.",
          {{"/@format", one, text, "", "", always, "`k7-samples`"},
           {"/@version", one, i64, "", "", always, "1"},
           {"/@manifold", one, text, "", "", always,
            "`s1xs3xs3`, `torus7`, `interval-s3xs3`, `notebook-chart`, or `euclidean`, which is also meant "
            "where it is absent"},
           {"/@frame", one, text, "", "", always,
            "`left-invariant`: the coframe (dtheta or dr, sigma, Sigma); `coordinate`: dx^i of `/coords`"},
           {"/@periods", "(7)", f64, "", "", "`k7_sample`; `--periods`",
            "after how much each coordinate comes back to where it began; 0: never"},
           {"/coords", "(N, 7)", f64, "", "", always,
            "coordinates; where there are spheres [theta or r, x, y], with x and y of `/points` as in the "
            "notebook"},
           {"/points", "(N, 9)", f64, "", "", "s1xs3xs3, interval-s3xs3",
            "theta or r, and two unit quaternions (w, x, y, z)"},
           {"/metric", "(N, 7, 7)", f64, "length^2", of_file, always, "g"},
           {"/phi", "(N, 35)", f64, "length^3", of_file, "of a model",
            "phi_ijk, i < j < k in lexicographic order"},
           {"/weight", "(N)", f64, "1/length^7", "", "where the sampler is known",
            "density of the points against the Riemannian volume; a common factor does not matter"}}};
}

FileTable fields() {
  return {"Fields of your own",
          "you, for `k7_torsion --fields FILE.h5:/GROUP`",
          {"k7_torsion"},
          "M is the number of rows. The names stand in the group, or in the root. Numbers may be float32.",
          {{"/phi", "(M, 35)", f64, "length^3", "E_a, your own", always,
            "phi_ijk, i < j < k in lexicographic order"},
           {"/E_phi", "(M, 7, 35)", f64, "length^3", "E_a, your own", always,
            "[m, a, I]: derivative of component I along E_a"},
           {"/structure", "(7, 7, 7)", f64, "", "E_a, your own", "not for coordinates",
            "[c, a, b]: C^c_ab with [E_a, E_b] = C^c_ab E_c"}}};
}

FileTable torsion() {
  constexpr const char* squared = "1/length^2";
  return {
      "Torsion of your own fields",
      "`k7_torsion --fields`: `torsion.h5`",
      {"k7_torsion"},
      "M is the number of rows, which are those of the input. Where phi is not a G2-structure all but "
      "`/dphi` and "
      "`/positive` is NaN. Forms have their components in lexicographic order.",
      {{"/@format", one, text, "", "", always, "`k7-torsion`"},
       {"/@version", one, i64, "", "", always, "1"},
       {"/g", "(M, 7, 7)", f64, "length^2", of_input, always, "the metric that phi defines"},
       {"/sqrt_det_g", "(M)", f64, "length^7", of_input, always, "root of its determinant"},
       {"/orientation", "(M)", f64, "", of_input, always, "1 or -1: vol is this times sqrt(det g) e^0...6"},
       {"/psi", "(M, 35)", f64, "length^4", of_input, always, "psi = *phi"},
       {"/dphi", "(M, 35)", f64, "length^3", of_input, always, "d phi, a 4-form"},
       {"/dpsi", "(M, 21)", f64, "length^4", of_input, always, "d psi, a 5-form"},
       {"/tau0", "(M)", f64, "1/length", "", always, "torsion class tau_0"},
       {"/tau1", "(M, 7)", f64, "", of_input, always, "torsion class tau_1, a 1-form"},
       {"/tau2", "(M, 21)", f64, "length", of_input, always, "torsion class tau_2, a 2-form"},
       {"/tau3", "(M, 35)", f64, "length^2", of_input, always, "torsion class tau_3, a 3-form"},
       {"/norm2_dphi", "(M)", f64, squared, "", always, "squared norm of d phi"},
       {"/norm2_dpsi", "(M)", f64, squared, "", always, "squared norm of d psi"},
       {"/norm2_tau0", "(M)", f64, squared, "", always, "tau_0^2"},
       {"/norm2_tau1", "(M)", f64, squared, "", always, "squared norm of tau_1"},
       {"/norm2_tau2", "(M)", f64, squared, "", always, "squared norm of tau_2"},
       {"/norm2_tau3", "(M)", f64, squared, "", always, "squared norm of tau_3"},
       {"/positive", "(M)", f64, "", "", always, "1 where phi is a G2-structure, otherwise 0"}}};
}

FileTable neighbors() {
  return {"Neighbours",
          "`k7_spectral --graph FILE.h5`",
          {"k7_spectral"},
          "N is the number of points, in the order of the samples, and k that of `--neighbors`.",
          {{"/neighbors", "(N, k)", i64, "", "", always,
            "rows of the nearest points, the nearest first; -1 in rows of points that were left out"},
           {"/distance_sq", "(N, k)", f64, "length^2", "", always,
            "their squared distances; NaN in rows of points that were left out"}}};
}

FileTable eigenfunctions() {
  return {"Eigenfunctions",
          "`k7_spectral --eigenvectors FILE.h5`",
          {"k7_spectral"},
          "N is the number of points, in the order of the samples, and n that of `--eigenvalues`.",
          {{"/eigenvalues", "(n)", f64, "1/length^2", "", always,
            "of one graph, the smallest first; without a unit with `--method notebook`"},
           {"/eigenvectors", "(N, n)", f64, "", "", always,
            "the functions f, with f^T M f = 1; NaN in rows of points that were left out"}}};
}

std::string row(const std::vector<std::string>& cells) {
  std::string line = "|";
  for (const auto& cell : cells) line += " " + cell + " |";
  return line + "\n";
}

std::string in_code(const char* words) {
  return "`" + std::string(words) + "`";
}

std::string table_text(const FileTable& table) {
  std::string result = "### " + std::string(table.kind) + "\n\nWritten by " + table.written_by + ". " +
                       table.letters + "\n\n" +
                       row({"name", "shape", "type", "unit", "frame", "there", "holds"}) + "|" +
                       "---|---|---|---|---|---|---|\n";
  for (const auto& item : table.items)
    result += row({in_code(item.name), item.shape, item.type, item.unit, item.frame, item.there, item.holds});
  return result + "\n";
}

}  // namespace

const std::vector<FileTable>& file_tables() {
  static const std::vector<FileTable> tables{checkpoints(), samples(),   fields(),
                                             torsion(),     neighbors(), eigenfunctions()};
  return tables;
}

std::string file_tables_text(const std::string& program) {
  std::string result;
  for (const auto& table : file_tables())
    if (std::find(table.programs.begin(), table.programs.end(), program) != table.programs.end())
      result += table_text(table);
  return result;
}

}  // namespace k7::io
