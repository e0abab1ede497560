# usage: gpu.sh STEP
set -u
export PYTHONPATH=/tmp/site:worker:operator:. HF_HUB_OFFLINE=1 VLLM_USE_FLASHINFER_SAMPLER=0
cd /tmp/m12
shard() { # name, args...
  local name=$1; shift
  rm -rf /dev/shm/out; mkdir /dev/shm/out
  local t=$(date +%s.%N)
  timeout -k 5 280 python3 -m shardwright_worker shard --output /dev/shm/out "$@" > $OUT/$name.out 2> $OUT/$name.err
  echo "## $name rc=$? $(echo "$(date +%s.%N) - $t" | bc) s"; tail -1 $OUT/$name.out | python3 -c "
import json,sys
r=json.loads(sys.stdin.readline()); print(r.get('reason'), r.get('message','')[:300], {k:round(v,1) for k,v in (r.get('durationSeconds') or {}).items()})"
}
case $1 in
tiny)
  python3 -c "
from pathlib import Path; from tools.models import language
language.llama(Path('/dev/shm/tiny'))" 2>$OUT/make.err
  shard tiny1 --source /dev/shm/tiny --verification load
  shard tiny2 --source /dev/shm/tiny --tensor-parallel-size 2 --verification generate
  grep -h -i "initialized\|Traceback\|Error" $OUT/tiny2.err | head -5
  # CUDA initialized while vLLM is imported
  cat > /tmp/cuda_user.py <<'P'
import torch
torch.cuda.init(); torch.zeros(1, device="cuda")
import shardwright_worker.shard.preload
P
  rm -rf /dev/shm/out; mkdir /dev/shm/out
  PYTHONPATH=/tmp:$PYTHONPATH timeout -k 5 200 python3 -c "
import sys
from shardwright_worker.cli.main import run
from shardwright_worker.engine.child import warm_up
warm_up('cuda_user')
sys.exit(run(sys.argv[1:]))" shard --source /dev/shm/tiny --output /dev/shm/out --tensor-parallel-size 2 --verification load > $OUT/cuda.out 2> $OUT/cuda.err
  echo "cuda initialized before: rc=$?"; grep -c "initialized CUDA while" $OUT/cuda.err; tail -1 $OUT/cuda.out | cut -c1-400
  python3 -X importtime -c "import shardwright_worker.shard.preload" 2> $OUT/import.txt
  PYTHONPATH=$PYTHONPATH python3 - <<'P'
import time; t=time.time()
import shardwright_worker.shard.preload, sys
print('preload', time.time()-t, 'inductor', 'torch._inductor.lowering' in sys.modules, 'dynamo','torch._dynamo' in sys.modules)
import torch; print('cuda initialized', torch.cuda.is_initialized())
P
  ;;
8b)
  [ -d /dev/shm/8b ] || time python3 -m tools.models.large 8B /dev/shm/8b --processes 4
  for i in 1 2 3; do shard 8b-digests-$i --source /dev/shm/8b --verification digests; shard 8b-load-$i --source /dev/shm/8b --verification load; done
  [ -n "${SCRIPT:-}" ] && stock 8b 1 ;;
70b)
  rm -rf /dev/shm/8b
  [ -d /dev/shm/70b ] || time python3 -m tools.models.large 70B /dev/shm/70b --processes 8
  for i in 1 2 3; do shard 70b-load-$i --source /dev/shm/70b --tensor-parallel-size 4 --verification load; done
  shard 70b-digests --source /dev/shm/70b --tensor-parallel-size 4 --verification digests
  ;;
stock)
  rm -rf /dev/shm/out; python3 -c "
from benchmarks.worker.process import _STOCK; open('/tmp/script.py','w').write(_STOCK)"
  mkdir /dev/shm/out; t=$(date +%s.%N)
  timeout -k 5 ${LIMIT:-250} python3 /tmp/script.py /dev/shm/$2 $3 /dev/shm/out > $OUT/stock.out 2> $OUT/stock.err
  echo "## script $2 tp=$3 rc=$? $(echo "$(date +%s.%N) - $t" | bc) s" ;;
matrix)
  shift; timeout -k 5 ${LIMIT:-500} python3 -m tools.model_matrix --device cuda --machine 4xGPU --gpus 4 --results $OUT/results "$@" > $OUT/matrix.out 2>$OUT/matrix.err; grep -c exact $OUT/matrix.out; grep UNEXP $OUT/matrix.out; tail -1 $OUT/matrix.out; mkdir -p /tmp/logs; cp .bench/*.log /tmp/logs/ ;;
esac
