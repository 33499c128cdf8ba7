"use strict";
// A token behind "#" in the address never reaches the server by itself: it is put into the form.

{
  const take = () => {
    const token = location.hash.slice(1);
    if (!token) return;
    history.replaceState(null, "", location.pathname + location.search);
    document.querySelector("#token").value = token;
    document.querySelector("#sign-in").requestSubmit();
  };
  addEventListener("hashchange", take);
  take();
}
