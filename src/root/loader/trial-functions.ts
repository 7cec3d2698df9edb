import type { GrubConfig } from './grub-cfg.ts'
import { PATTERNS, TRIAL_VARIABLES } from './trial-env.ts'

/** Functions of the GRUB script that read the trial. */
export function readFunctions({ folder }: GrubConfig): string[] {
  const copy = `"($speediso_esp)${folder}/grub/speediso-$1.env"`
  return [
    '# Reads copy $1 of the trial into seq, trial, tries; speediso_counts says whether it counts.',
    'function speediso_read_copy {',
    '  set speediso_counts=0',
    // load_env leaves alone what the file does not have.
    ...TRIAL_VARIABLES.map((name) => `  set ${name}=`),
    `  if [ -f ${copy} ]; then load_env --file ${copy} ${TRIAL_VARIABLES.join(' ')}; fi`,
    '  if [ "x$end" = x1 ]; then',
    `    if regexp '${PATTERNS.seq}' "$seq"; then`,
    '      if [ "x$trial$tries" = x ]; then',
    '        set speediso_counts=1',
    `      elif regexp '${PATTERNS.image}' "$trial"; then`,
    `        if regexp '${PATTERNS.tries}' "$tries"; then set speediso_counts=1; fi`,
    '      fi',
    '    fi',
    '  fi',
    '}',
    '',
    '# Of two copies the higher seq counts, then the fewer tries, then the first.',
    'function speediso_read_trial {',
    '  set speediso_seq=',
    '  set speediso_trial=',
    '  set speediso_tries=',
    '  for speediso_n in 1 2; do',
    '    speediso_read_copy $speediso_n',
    '    if [ "$speediso_counts" = 1 ]; then',
    '      set speediso_take=0',
    '      if [ -z "$speediso_seq" ]; then',
    '        set speediso_take=1',
    '      elif [ "$seq" -gt "$speediso_seq" ]; then',
    '        set speediso_take=1',
    '      elif [ "$seq" -eq "$speediso_seq" ]; then',
    // A 1 in front: no tries are less than 0.
    '        if [ "1$tries" -lt "1$speediso_tries" ]; then set speediso_take=1; fi',
    '      fi',
    '      if [ "$speediso_take" = 1 ]; then',
    '        set speediso_seq="$seq"',
    '        set speediso_trial="$trial"',
    '        set speediso_tries="$tries"',
    '      fi',
    '    fi',
    '  done',
    '}',
    '',
  ]
}

/** Functions of the GRUB script that take one boot away from the trial. */
export function countFunctions({ folder }: GrubConfig): string[] {
  const copy = `"($speediso_esp)${folder}/grub/speediso-$speediso_n.env"`
  const steps = [9, 8, 7, 6, 5, 4, 3, 2, 1]
  return [
    // GRUB cannot calculate.
    'function speediso_count_down {',
    ...steps.map(
      (n, i) => `  ${i === 0 ? 'if' : 'elif'} [ "$speediso_tries" = ${n} ]; then set speediso_left=${n - 1}`,
    ),
    '  fi',
    '}',
    '',
    '# Writes what is left into both copies; speediso_saved says whether one of them really has it.',
    'function speediso_save {',
    '  set speediso_saved=0',
    '  for speediso_n in 1 2; do',
    '    set seq="$speediso_seq"',
    '    set trial="$speediso_trial"',
    '    set tries="$speediso_left"',
    '    set end=1',
    `    save_env --file ${copy} ${TRIAL_VARIABLES.join(' ')}`,
    // Firmware may drop a write and say that all is well.
    '    speediso_read_copy $speediso_n',
    '    if [ "$speediso_counts" = 1 ]; then',
    '      if [ "x$seq/$trial/$tries" = "x$speediso_seq/$speediso_trial/$speediso_left" ]; then',
    '        set speediso_saved=1',
    '      fi',
    '    fi',
    '  done',
    '}',
    '',
  ]
}
