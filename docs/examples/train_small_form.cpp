// SPDX-License-Identifier: Apache-2.0
// Learns a 3-form on the flat torus T^7 with a small network, from random weights towards zero torsion, and samples
// what was learned. Called again, it goes on from its checkpoint.
//   mpirun -n 2 ./train_small_form run
#include <cstdio>
#include <string>

#include "k7/model/model.hpp"
#include "k7/model/sample_to_file.hpp"
#include "k7/model/threads.hpp"
#include "k7/parallel/environment.hpp"
#include "k7/train/train.hpp"
#include "printer.hpp"

int main(int argc, char** argv) {
  const k7::parallel::Environment mpi(argc, argv);
  const k7::parallel::Communicator comm(MPI_COMM_WORLD);
  k7::model::use_threads(1);
  Printer printer(comm.is_root());

  k7::train::TrainOptions options = k7::train::preset(k7::train::Preset::torus);
  options.model.network.hidden = {16};
  options.batch_size = 64;
  options.epochs = 30;
  options.log_every = 10;
  options.out = argc > 1 ? argv[1] : "run";
  const k7::train::TrainResult result = k7::train::train(options, comm, printer);
  if (comm.is_root()) std::printf("%d epochs, best loss %.3e\n", result.epochs, result.best_loss);

  const k7::model::Model model(options.out + "/best.h5", comm, k7::DeviceChoice::automatic);
  k7::model::sample_to_file(model, {/*n_points=*/500, /*seed=*/0, options.out + "/samples.h5"}, comm,
                            printer);
  if (comm.is_root()) std::printf("500 points in %s/samples.h5\n", options.out.c_str());
  return 0;
}
