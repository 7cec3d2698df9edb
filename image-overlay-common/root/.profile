# Shell of root on the console and over SSH.
PS1='\u@\h:\w# '
alias ll='ls -l'
export PAGER=less LESS=-R
