#!/bin/bash
#SBATCH --job-name=pbtune
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --time=04:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@120
#
# Starts Ray inside this allocation, and runs a training script on it:
#
#     sbatch examples/slurm_ray.sh train.py
#
# The script says RunConfig(name=..., resume="auto") and, with several nodes,
#     pbtune.init(executor="ray", address="auto")
# When the time is up or the job is preempted, it ends in order and is queued again; then it runs
# from line 1, and goes on with the same run.
set -euo pipefail

script=${1:?"say which script to run: sbatch slurm_ray.sh train.py"}
python=${PYTHON:-python}
port=${RAY_PORT:-6379}

# Whoever reaches a Ray port without a token can run code. srun hands these on to the nodes.
export RAY_AUTH_MODE=token
RAY_AUTH_TOKEN=$("$python" -c "import secrets; print(secrets.token_hex(32))")
export RAY_AUTH_TOKEN

mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
head=${nodes[0]}
head_ip=$(srun --nodes=1 --ntasks=1 -w "$head" hostname --ip-address | awk '{print $1}')
cpus=${SLURM_CPUS_PER_TASK:-1}

started=()
srun --nodes=1 --ntasks=1 -w "$head" ray start --head --node-ip-address="$head_ip" --port="$port" \
    --num-cpus="$cpus" --include-dashboard=false --block &
started+=($!)
for node in "${nodes[@]:1}"; do
    srun --nodes=1 --ntasks=1 -w "$node" ray start --address="$head_ip:$port" \
        --num-cpus="$cpus" --block &
    started+=($!)
done
export RAY_ADDRESS="$head_ip:$port"

# Slurm warns this shell only (--signal=B:…), and bash runs a trap while it waits.
is_over=0
driver=
preempted() {
    is_over=1
    if [ -n "$driver" ]; then kill -USR1 "$driver" 2>/dev/null || true; fi
}
trap preempted USR1 TERM

"$python" "$script" &
driver=$!
if [ "$is_over" = 1 ]; then kill -USR1 "$driver" 2>/dev/null || true; fi
code=0
wait "$driver" || code=$?
# A wait that a trap interrupted is over before the driver is.
while kill -0 "$driver" 2>/dev/null; do
    code=0
    wait "$driver" || code=$?
done

for process in "${started[@]}"; do kill "$process" 2>/dev/null || true; done
if [ "$is_over" = 1 ] && [ "$code" != 0 ]; then
    # Not finished: the same job again, from line 1. The exit code of a requeued job counts for nothing.
    scontrol requeue "$SLURM_JOB_ID"
    exit 0
fi
exit "$code"
