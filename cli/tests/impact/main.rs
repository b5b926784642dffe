//! What does a change do to a portfolio? Rows that are read once for two policies are refused and decided as if each policy
//! had read them alone ([`joint`]).

mod joint;
